import { connect, type ChannelModel } from 'amqplib'
import { DEAD_QUEUE, shardQueue, WORKERS_QUEUE } from '../../system/architectures/v4-rabbitmq-tenants/names.ts'
import { tlsOf } from '../../system/tls.ts'
import type { External } from './external.ts'
import { CONNECT_WITHIN_MS, lacking, unreachable, type Guest } from './guest.ts'

const OLDEST = [3, 10] as const
/** As many as the knob `shards` allows. */
const MAX_SHARDS = 64

/** Names of queues cannot be asked for over AMQP: these are all that a run can have made. */
const QUEUES = [DEAD_QUEUE, WORKERS_QUEUE, ...Array.from({ length: MAX_SHARDS }, (_, shard) => shardQueue(shard))]

/** Works with queues that begin with its own prefix, in the vhost that the URL names. */
export const rabbitmq: Guest = {
  part: (namespace) => `queues ${namespace}.*`,
  inspect: (external) => connected(external, async (model) => {
    const { product, version } = model.connection.serverProperties
    const [major = 0, minor = 0] = version.split('.').map(Number)
    if (product !== 'RabbitMQ') throw lacking(external, `is ${product}, which has no quorum queues`, 'use RabbitMQ')
    if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) throw lacking(external, `is version ${version}: too old`, `use RabbitMQ ${OLDEST.join('.')} or newer`)
    return `RabbitMQ ${version}`
  }),
  /** Nothing is made yet: a queue of that name is made and removed again, to see whether it may be. */
  settle: (external, namespace) => connected(external, async (model) => {
    const queue = `${namespace}.trial`
    try {
      const channel = await model.createChannel()
      channel.on('error', () => {})
      await channel.assertQueue(queue, { durable: false, autoDelete: true })
      channel.sendToQueue(queue, Buffer.alloc(0))
      await channel.get(queue, { noAck: true })
      await channel.deleteQueue(queue)
    } catch (error) {
      throw lacking(external, `does not let the account use queues of its own: ${(error as Error).message}`, `rabbitmqctl set_permissions -p ${external.database ?? '/'} ${external.user ?? '…'} '^lab_' '^(lab_|amq\\.default)' '^lab_'`)
    }
  }),
  leave: (external, namespace) => connected(external, async (model) => {
    let queues = 0
    let messages = 0
    for (const name of QUEUES) {
      const queue = `${namespace}.${name}`
      if (!(await isThere(model, queue))) continue
      const channel = await model.createChannel()
      channel.on('error', () => {})
      messages += (await channel.deleteQueue(queue)).messageCount
      queues += 1
      await channel.close()
    }
    return queues === 0 ? undefined : `${queues} queues ${namespace}.* with ${messages} messages`
  }),
}

/** A question about a queue that is not there ends its channel. */
async function isThere(model: ChannelModel, queue: string): Promise<boolean> {
  const channel = await model.createChannel()
  channel.on('error', () => {})
  try {
    await channel.checkQueue(queue)
    await channel.close()
    return true
  } catch (error) {
    if ((error as { code?: unknown }).code === 404) return false
    throw error
  }
}

async function connected<T>(external: External, use: (model: ChannelModel) => Promise<T>): Promise<T> {
  const { hosts, user = 'guest', password = 'guest', database, tls } = external
  const { host, port } = hosts[0]!
  const model = await connect(
    { protocol: tls === 'off' ? 'amqp' : 'amqps', hostname: host, port, username: user, password, ...(database !== undefined && { vhost: database }) },
    { ...tlsOf(external), timeout: CONNECT_WITHIN_MS, clientProperties: { connection_name: 'lab' } },
  ).catch((error: unknown) => {
    throw unreachable(external, error)
  })
  model.on('error', () => {})
  try {
    return await use(model)
  } finally {
    await model.close().catch(() => {})
  }
}
