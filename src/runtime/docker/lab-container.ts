import { createWriteStream } from 'node:fs'
import { PassThrough, type Readable } from 'node:stream'
import { reservePorts } from '../local/ports.ts'
import type { LabProcess } from '../runtime.ts'
import type { Setting } from './container-config.ts'
import { containerName } from './container-config.ts'
import { isStatus, type Engine } from './engine.ts'
import { exitOf } from './exits.ts'

/** Inside its container. */
const CONTROL_PORT = 7_000
const GRACE_S = 2

export interface LabContainer {
  engine: Engine
  setting: Setting
  image: string
  entry: 'injector' | 'subscribers'
  number: number
  env: Readonly<Record<string, string>>
  logPath: string
}

/** Starts an injector or subscribers inside the network of the run: stdout is the lab's to read, stderr goes to a log file. */
export async function startLabContainer({ engine, setting, image, entry, number, env, logPath }: LabContainer): Promise<LabProcess> {
  const { docker } = engine
  const reserved = await reservePorts(['CONTROL_PORT'])
  const port = reserved.ports.CONTROL_PORT!
  const variables = { ...env, LAB_CONTROL_HOST: '0.0.0.0', LAB_CONTROL_PORT: String(CONTROL_PORT) }
  const container = await docker.createContainer({
    name: containerName(setting.runId, entry, number),
    Image: image,
    Entrypoint: ['node', `/lab/dist/${entry}.js`],
    Env: Object.entries(variables).map(([name, value]) => `${name}=${value}`),
    Labels: setting.labels,
    ExposedPorts: { [`${CONTROL_PORT}/tcp`]: {} },
    HostConfig: {
      NetworkMode: setting.network,
      PortBindings: { [`${CONTROL_PORT}/tcp`]: [{ HostIp: setting.bindAddress, HostPort: String(port) }] },
      RestartPolicy: { Name: 'no' },
    },
  })
  const exited = container.wait({ condition: 'next-exit' }).then(
    ({ StatusCode }: { StatusCode: number }) => exitOf(StatusCode),
    () => exitOf(undefined),
  )
  await container.start()
  const output = (await container.logs({ follow: true, stdout: true, stderr: true })) as unknown as Readable
  const log = createWriteStream(logPath, { flags: 'a' })
  log.on('error', () => undefined)
  const stdout = new PassThrough()
  docker.modem.demuxStream(output, stdout, log)
  output.once('close', () => {
    stdout.end()
    log.end()
  })
  const { State } = await container.inspect()
  return {
    pid: State.Pid || undefined,
    stdout,
    exited,
    reach: () => ({ host: engine.reachAddress, port }),
    async [Symbol.asyncDispose]() {
      await container.stop({ t: GRACE_S }).catch((error: unknown) => {
        if (!isStatus(error, 304, 404)) throw error
      })
      await container.remove({ force: true, v: true }).catch(() => undefined)
      output.destroy()
      await reserved[Symbol.asyncDispose]()
    },
  }
}
