import { get } from 'node:http'
import { entryPath } from '../entry.ts'
import { plainEnvironment } from '../environment.ts'
import type { Provider } from './provider.ts'

/**
 * Processes of the system itself: `node dist/service.js <command…>`, or the script that `x-lab.entry` names.
 * Such a process says that it is ready by a line with the word `ready`; every replica says so for itself, because they share
 * one port, and an answer on it is the answer of any of them. Each tells its metrics on any free port, as replicas share a machine. The one with `API_PORT` must also answer /readyz with 200.
 */
const READY = /(?<!not )\bready\b/
const METRICS_PORT = /\bmetrics on port (\d+)/

export const node: Provider = {
  async install() {
    entryPath('service')
  },

  async prepare(service, { addresses }) {
    const script = service.entry ?? entryPath('service')
    const url = service.ports.API_PORT === undefined ? undefined : `http://${addresses.API_HOST}:${addresses.API_PORT}/readyz`
    return {
      launch: { file: process.execPath, args: [script, ...service.command], env: plainEnvironment({ ...service.environment, METRICS_PORT: '0' }), cwd: '/' },
      isReady: async (saw) => saw(READY) && (url === undefined || (await httpStatus(url, 1_000)) === 200),
      metricsPortIn: METRICS_PORT,
      stopSignal: 'SIGTERM',
      discardSignal: 'SIGTERM',
    }
  },
}

/** Status of a GET, or undefined when there was none in time. */
export function httpStatus(url: string, timeoutMs: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const request = get(url, { agent: false, timeout: timeoutMs }, (reply) => {
      reply.resume()
      resolve(reply.statusCode)
    })
    request.on('timeout', () => request.destroy())
    request.on('error', () => resolve(undefined))
  })
}
