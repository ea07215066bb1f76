import { mkdirSync } from 'node:fs'
import { createConnection } from 'node:net'
import { plainEnvironment } from '../environment.ts'
import { LabError, EXIT } from '../../run/errors.ts'
import type { ComposeService } from '../compose.ts'
import { onlyPort, type Provider } from './provider.ts'
import { redisBinary } from './redis-binary.ts'

/** Redis or Valkey, whichever there is. Honours the command of the public images; port, address and folder are the lab's. */
export const redis: Provider = {
  async install(_service, io) {
    await redisBinary(io)
  },

  async prepare(service, context) {
    const { host, port } = onlyPort(service, context.addresses)
    const args = serverArguments(service)
    const file = await redisBinary(context)
    mkdirSync(context.folder, { mode: 0o700 })
    return {
      launch: {
        file,
        // Without set-proc-title it would write its title over its environment, and with it the mark of the run.
        args: [...args, '--port', String(port), '--bind', host, '--dir', context.folder, '--daemonize', 'no', '--set-proc-title', 'no'],
        env: plainEnvironment(service.environment),
        cwd: context.folder,
      },
      isReady: () => answersPing(host, port, 500),
      versionIn: /(Redis|Valkey) version=([\d.]+)/,
      stopSignal: 'SIGTERM',
      // On SIGTERM it would save first.
      discardSignal: 'SIGKILL',
      dataFolder: context.folder,
    }
  },
}

/** The words after `redis-server` (or none); the images also take options alone. */
export function serverArguments(service: Pick<ComposeService, 'name' | 'command'>): string[] {
  const [first, ...rest] = service.command
  if (first === undefined || first.startsWith('-')) return service.command
  if (['redis-server', 'valkey-server'].includes(first)) return rest
  throw new LabError(EXIT.usage, `service ${service.name}: the local runtime can only run redis-server, not ${first}`, 'command: redis-server …')
}

/** Loading its file it says -LOADING, so only +PONG counts. */
export function answersPing(host: string, port: number, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port })
    const end = (answer: boolean): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(timeoutMs, () => end(false))
    socket.on('connect', () => socket.write('PING\r\n'))
    socket.on('data', (data) => end(data.toString('latin1').startsWith('+PONG')))
    socket.on('error', () => end(false))
    socket.on('close', () => end(false))
  })
}
