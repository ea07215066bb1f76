import { closeSync, openSync } from 'node:fs'
import type { Tracer } from './tracing/tracer.ts'

/** What every part of the system is handed: its knobs, the addresses of its backends, a log, and an end. */
export interface Context<Knobs = Record<string, unknown>> {
  knobs: Knobs
  /** Host and port of a backend, from `<NAME>_HOST` / `<NAME>_PORT`: `address('redis')`. Throws when unset, naming the variables. */
  address(backend: string): { host: string; port: number }
  /** How to get into a backend, and which part of it is ours: nothing but {@link Access.namespace} is given where the lab runs it itself. */
  access(backend: string): Access
  /** The folder whose files all services see, from `LAB_DATA`. Throws when unset. */
  dataFolder(): string
  /** One line to this service's log. */
  log(line: string): void
  /** Ends the process with SIGKILL when `LAB_FAILPOINT` names this point; otherwise nothing. */
  failpoint(point: string): void
  /** Aborted when the process is asked to stop. */
  signal: AbortSignal
  /** Tells where the time of sampled events goes; absent where this process does not trace. */
  tracer?: Tracer
}

/** From `<NAME>_USER`, `<NAME>_PASSWORD` and so on, which are set of a server that is not the lab's. */
export interface Access {
  user?: string
  password?: string
  database?: string
  /** Where there are several: `host:port` of each, with commas between them. */
  hosts?: string
  /** Begins the name of everything that is made there, or is the schema, vhost or database that holds it; empty on a server of one's own. */
  namespace: string
  /** `encrypt`: whoever has whichever certificate. */
  tls: 'off' | 'encrypt' | 'verify'
  /** In PEM: who signs certificates, where that is nobody whom everybody knows. */
  ca?: string
}

type Env = Record<string, string | undefined>

const variableOf = (backend: string): string => backend.toUpperCase().replaceAll('-', '_')

export function accessFrom(env: Env): Context['access'] {
  return (backend) => {
    const name = variableOf(backend)
    const given = (part: string): string | undefined => env[`${name}_${part}`] || undefined
    const tls = given('TLS')
    return {
      user: given('USER'),
      password: given('PASSWORD'),
      database: given('DATABASE'),
      hosts: given('HOSTS'),
      namespace: given('NAMESPACE') ?? '',
      tls: tls === 'encrypt' || tls === 'verify' ? tls : 'off',
      ca: given('CA'),
    }
  }
}

/** Addresses from `<NAME>_HOST` / `<NAME>_PORT`; `-` in a name becomes `_`. */
export function addressesFrom(env: Env): Context['address'] {
  return (backend) => {
    const name = variableOf(backend)
    const host = env[`${name}_HOST`]
    const port = Number(env[`${name}_PORT`])
    if (!host) throw new Error(`${name}_HOST is not set: the host of ${backend}, such as 127.0.0.1`)
    if (!Number.isInteger(port) || port < 1 || port > 65_535) {
      throw new Error(`${name}_PORT is ${JSON.stringify(env[`${name}_PORT`] ?? '')}: expected the port of ${backend}, 1 to 65535`)
    }
    return { host, port }
  }
}

/**
 * `LAB_FAILPOINT=worker:after-commit` kills the process of role `worker` the first time it gets there,
 * `worker:after-commit@3` the third time; several are separated by commas. SIGKILL, so nothing is flushed, closed or caught.
 * `LAB_FAILPOINT_ONCE` names a file that is made before: where it exists, nothing happens, so that the process started in its place lives
 * (of several, the second's is `<file>-2`, and so on: each kills once).
 */
export function failpointFrom(env: Env, role: string, kill = () => process.kill(process.pid, 'SIGKILL')): Context['failpoint'] {
  const once = env['LAB_FAILPOINT_ONCE'] ?? ''
  const armed = new Map<string, { left: number; once: string }>()
  for (const [index, text] of (env['LAB_FAILPOINT'] ?? '').split(',').entries()) {
    const [target, nth = '1'] = text.trim().split('@')
    if (target?.startsWith(`${role}:`)) armed.set(target.slice(role.length + 1), { left: Number(nth), once: once === '' || index === 0 ? once : `${once}-${index + 1}` })
  }
  if (armed.size === 0) return () => {}
  return (point) => {
    const it = armed.get(point)
    if (it !== undefined && --it.left === 0 && (it.once === '' || isFirst(it.once))) kill()
  }
}

function isFirst(path: string): boolean {
  try {
    closeSync(openSync(path, 'wx'))
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function dataFolderFrom(env: Env): string {
  const folder = env['LAB_DATA']
  if (!folder) throw new Error('LAB_DATA is not set: the folder in which services share files, such as /data')
  return folder
}

/** A context from environment-like variables: a service's own, or those a running system was resolved to. */
export function createContext<Knobs>(
  parts: { env: Env; knobs: Knobs; signal: AbortSignal; role?: string; log?: (line: string) => void; tracer?: Tracer },
): Context<Knobs> {
  return {
    knobs: parts.knobs,
    address: addressesFrom(parts.env),
    access: accessFrom(parts.env),
    dataFolder: () => dataFolderFrom(parts.env),
    log: parts.log ?? (() => {}),
    failpoint: failpointFrom(parts.env, parts.role ?? ''),
    signal: parts.signal,
    ...(parts.tracer && { tracer: parts.tracer }),
  }
}
