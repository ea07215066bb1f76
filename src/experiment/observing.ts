import { join } from 'node:path'
import { packageRoot } from '../runtime/entry.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { prometheusBinaries } from '../runtime/local/prometheus.ts'
import { runMarks, self } from '../runtime/run-mark.ts'

/** One event in so many is traced, unless told otherwise. */
export const TRACED_ONE_IN = 50
const MOST_UNTRACED = 1_000_000

/** `--observe` and `--traces`, as typed; what is wrong is added to `problems`. */
export function observeOptions({ observe, traces }: { observe?: boolean; traces?: string }, problems: string[]): { oneIn: number } | undefined {
  if (traces === undefined) return observe === true ? { oneIn: TRACED_ONE_IN } : undefined
  const oneIn = Number(traces)
  if (traces.trim() === '' || !Number.isInteger(oneIn) || oneIn < 1 || oneIn > MOST_UNTRACED) problems.push(`--traces ${traces}: must be a whole number from 1 to ${MOST_UNTRACED}`)
  if (observe !== true) problems.push(`--traces ${traces}: needs --observe`)
  return { oneIn }
}

/** What `--observe` adds to a stack, merged after the architecture's own. */
export function observingFiles(observe: boolean | undefined): string[] {
  return observe === true ? [join(packageRoot, 'compose', 'observability.yaml')] : []
}

/** Variables that turn tracing on in every service of ours, as OpenTelemetry names them. */
export function observingEnv(runtime: Runtime['name'], oneIn: number): Record<string, string> {
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://${OTLP_HOST:-collector}:${OTLP_PORT:-4318}',
    OTEL_TRACES_SAMPLER_ARG: String(1 / oneIn),
    // There is no store of traces beside plain processes.
    ...(runtime === 'local' && { LAB_FORWARD_OTLP: '' }),
  }
}

/** Where what `--observe` started can be looked at, by name. */
export function lookAt(env: Readonly<Record<string, string>>): Record<string, string> {
  const names = ['grafana', 'prometheus'].filter((name) => env[`${name.toUpperCase()}_PORT`] !== undefined)
  return Object.fromEntries(names.map((name) => [name, `http://${env[`${name.toUpperCase()}_HOST`]}:${env[`${name.toUpperCase()}_PORT`]}`]))
}

/** What this machine must go without, and why: without Docker there are no Grafana, Loki and Tempo, and perhaps no Prometheus. */
export async function goWithout(runtime: Runtime['name'], runId: string, signal: AbortSignal, onFetch: Parameters<typeof prometheusBinaries>[0]['onFetch']): Promise<{ services: string[]; says: string[] }> {
  if (runtime !== 'local') return { services: [], says: [] }
  const none = 'grafana, loki and tempo come as images alone: --runtime docker has them'
  try {
    await prometheusBinaries({ marks: runMarks(runId, self()), signal, onFetch })
    return { services: [], says: [none] }
  } catch (error) {
    signal.throwIfAborted()
    return { services: ['prometheus'], says: [`no prometheus: ${(error as Error).message}`, none] }
  }
}
