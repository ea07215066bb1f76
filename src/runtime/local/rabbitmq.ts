import { EXIT, LabError } from '../../run/errors.ts'
import type { ComposeService } from '../compose.ts'
import { onlyPort, type Provider } from './provider.ts'
import { rabbitmqBinaries } from './rabbitmq-binaries.ts'
import { launchOf, layOut, type RabbitmqLogin, type RabbitmqNode } from './rabbitmq-node.ts'

/**
 * RabbitMQ as one node. Honours RABBITMQ_DEFAULT_USER, _PASS, _VHOST and RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS as the public image
 * does; port, address and folder are the lab's. It listens on its AMQP port and on nothing else.
 * Every run begins with an empty folder: a prepared one would save 0.3 s of 3 s (six starts each, interleaved).
 */
export const rabbitmq: Provider = {
  async install(service, io) {
    checkCommand(service)
    await rabbitmqBinaries(io)
  },

  async prepare(service, context) {
    const { host, port } = onlyPort(service, context.addresses)
    checkCommand(service)
    const login = loginOf(service)
    const node: RabbitmqNode = { folder: context.folder, host, port, login, environment: service.environment }
    const binaries = await rabbitmqBinaries(context)
    layOut(binaries, node)
    return {
      launch: launchOf(binaries, node),
      // It listens as the last of all it does at the start, so only then is it worth asking.
      isReady: async (saw) => saw(/\bcompleted with \d+ plugins\b/) && (await opensConnection(host, port, login, 2_000)),
      versionIn: /(RabbitMQ) (\d[\d.]*)/,
      stopSignal: 'SIGTERM',
      // On SIGTERM it would write down all it has in memory first.
      discardSignal: 'SIGKILL',
      dataFolder: context.folder,
    }
  },
}

/** As the public image reads them. */
export function loginOf({ environment }: Pick<ComposeService, 'environment'>): RabbitmqLogin {
  return {
    user: environment.RABBITMQ_DEFAULT_USER ?? 'guest',
    password: environment.RABBITMQ_DEFAULT_PASS ?? 'guest',
    vhost: environment.RABBITMQ_DEFAULT_VHOST ?? '/',
  }
}

/** The public image's command is `rabbitmq-server`; it needs no other. */
export function checkCommand({ name, command }: Pick<ComposeService, 'name' | 'command'>): void {
  if (command.length === 0 || (command.length === 1 && command[0] === 'rabbitmq-server')) return
  throw new LabError(EXIT.usage, `service ${name}: the local runtime can only run rabbitmq-server, not ${command.join(' ')}`, 'settings go into environment: RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: -rabbit … …')
}

/** The whole handshake of AMQP 0-9-1 as this user, up to the open virtual host. */
export async function opensConnection(host: string, port: number, { user, password, vhost }: RabbitmqLogin, timeoutMs: number): Promise<boolean> {
  const { connect } = await import('amqplib')
  try {
    const connection = await connect({ hostname: host, port, username: user, password, vhost: encodeURIComponent(vhost) }, { timeout: timeoutMs })
    connection.on('error', () => undefined)
    await connection.close().catch(() => undefined)
    return true
  } catch {
    return false
  }
}
