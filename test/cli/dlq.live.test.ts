import { connect } from 'amqplib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { toMessage } from '../../src/system/architectures/v4-rabbitmq-tenants/ingest/message.ts'
import { shardOf } from '../../src/system/architectures/v4-rabbitmq-tenants/ingest/shard.ts'
import { BROKER_ACCOUNT, shardQueue } from '../../src/system/architectures/v4-rabbitmq-tenants/names.ts'
import { publishConfirmed } from '../../src/system/rabbitmq/confirm.ts'
import type { Kept } from '../../src/cli/keeper.ts'
import { cacheDir } from '../../src/runtime/cache.ts'
import { until } from '../system/client.ts'
import { randomOrders } from '../system/orders.ts'
import { lab } from './lab-process.ts'

const dlq = (...args: string[]) => lab(['dlq', '--arch', 'v4', ...args])
const letters = async () => JSON.parse((await dlq('list', '--json')).stdout) as { id: string; owner: string; content: { id: string } }[]

test('lab dlq says what it cannot do, all at once', async () => {
  expect(await dlq('lst', '--limit', '0')).toMatchObject({ code: 2, stderr: expect.stringMatching(/dlq cannot "lst".*list.*\n.*--limit 0/s) as string })
  expect(await dlq('purge')).toMatchObject({ code: 2, stderr: expect.stringContaining('takes ids, or --all') as string })
  expect(await dlq('replay', 'x', '--all')).toMatchObject({ code: 2 })
  expect(await dlq('inspect')).toMatchObject({ code: 2, stderr: expect.stringContaining('inspect takes one id') as string })
  expect(await lab(['dlq', 'list', '--arch', 'v1'])).toMatchObject({ code: 2, stderr: expect.stringContaining('these do: v4') as string })
  expect(await dlq('list')).toMatchObject({ code: 2, stderr: expect.stringContaining('lab up --arch v4') as string })
})

describe('lab dlq on what lab up keeps', () => {
  const orders = randomOrders(3, 71, Date.now())

  beforeAll(async () => {
    const up = await lab(['up', '--arch', 'v4', '--port', '18625', '--set', 'shards=1', '--json'])
    expect(up.code, up.stderr).toBe(0)
    const kept = JSON.parse(readFileSync(join(cacheDir(), 'up', 'v4.json'), 'utf8')) as Kept
    const model = await connect({ hostname: '127.0.0.1', port: Number(kept.env['RABBITMQ_PORT']), ...BROKER_ACCOUNT })
    const channel = await model.createConfirmChannel()
    // Of each id a first payload, and another one after it.
    for (const changed of [false, true]) {
      for (const [i, order] of orders.entries()) {
        const { headers, content } = toMessage([changed ? { ...order, timestampMs: order.timestampMs - 1 } : order], { workspace: i + 1, project: i + 1 }, undefined)
        await publishConfirmed(channel, shardQueue(shardOf(i + 1, 1)), content, { headers })
      }
    }
    await model.close()
    await until('they are put aside', async () => (await letters()).length === 3, 20_000)
  })
  afterAll(async () => void (await lab(['down', '--arch', 'v4'])))

  test('they are listed, looked at, sent again, and thrown away only when it was meant', async () => {
    const all = await letters()
    expect(all.map((it) => [it.owner, it.content.id])).toEqual(orders.map((it, i) => [String(i + 1), it.id]))
    const listed = (await dlq('list')).stdout
    for (const { id } of all) expect(listed).toContain(id)
    expect(listed).toContain('the same key came with another payload')
    expect(JSON.parse((await dlq('inspect', all[1]!.id)).stdout)).toEqual(all[1])
    expect(await dlq('inspect', 'nobody')).toMatchObject({ code: 2, stderr: expect.stringContaining('there is no dead letter') as string })

    expect(await dlq('purge', '--all')).toMatchObject({ code: 2, stderr: expect.stringMatching(/Throw away all 3 dead letters.*--yes/s) as string })
    expect(await letters()).toHaveLength(3)
    expect(await dlq('replay', all[0]!.id)).toMatchObject({ code: 0, stdout: '1 sent again\n' })
    await until('it came to the same end', async () => (await letters()).length === 3)
    expect(await dlq('purge', all[1]!.id, 'nobody', '--yes', '--json')).toMatchObject({ code: 2, stdout: `${JSON.stringify({ arch: 'v4', purged: 1, missing: 1 })}\n` })
    expect((await letters()).map((it) => it.id).toSorted()).toEqual([all[0]!.id, all[2]!.id].toSorted())
    expect(await dlq('purge', '--all', '--yes')).toMatchObject({ code: 0, stdout: '2 thrown away\n' })
    expect(await dlq('list')).toMatchObject({ code: 0, stdout: '', stderr: 'there are no dead letters\n' })
  })
})
