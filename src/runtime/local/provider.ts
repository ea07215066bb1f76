import type { ComposeService } from '../compose.ts'
import type { RuntimeEvent } from '../runtime.ts'

/** Makes one kind of service run as plain processes. */
export interface Provider {
  /** Gets what must be on this machine first: binaries, templates. Idempotent, and safe beside another lab. */
  install(service: ComposeService, io: Installing): Promise<void>
  /** Makes this run's data folder and settles how the service is started. Installs first where needed. */
  prepare(service: ComposeService, context: Preparing): Promise<Backend>
}

export interface Installing {
  /** Environment for helper programs (pip, initdb): it marks them as part of a run. */
  marks: Record<string, string>
  signal: AbortSignal
  onFetch(event: Extract<RuntimeEvent, { type: 'fetch' }>): void
}

export interface Preparing extends Installing {
  /** All of the stack, by name. */
  services: Readonly<Record<string, ComposeService>>
  /** Host and port variables, resolved. */
  addresses: Readonly<Record<string, string>>
  /** This service's own part of the run's folder; not made yet. */
  folder: string
}

export interface Backend {
  launch: Launch
  /** What must be done before each start and needs what the service depends on; at once when there is nothing to do. */
  beforeLaunch?(): Promise<void>
  /** Is it ready now? `saw` looks at the lines it has printed since it was started. */
  isReady(saw: (pattern: RegExp) => boolean): Promise<boolean>
  /** Finds name and version (the first two groups) in what a server prints when it starts. */
  versionIn?: RegExp
  /** Finds the port of its Prometheus text (the first group) in what it prints until it is ready. */
  metricsPortIn?: RegExp
  /** The same of one that does not say it, as it was told. */
  metricsPort?: number
  /** How it is asked to stop. */
  stopSignal: NodeJS.Signals
  /** How it is asked to stop when its data are thrown away right after. */
  discardSignal: NodeJS.Signals
  /** What it keeps; counted by `dataBytes`. */
  dataFolder?: string
}

export interface Launch {
  file: string
  args: string[]
  /** Complete but for the run's marks. */
  env: Record<string, string>
  cwd: string
  uid?: number
  gid?: number
}

/** The variable of the only port a store has: `REDIS_PORT`. @throws when the compose file gives it none or several */
export function onlyPort(service: ComposeService, addresses: Readonly<Record<string, string>>): { host: string; port: number } {
  const [variable, ...more] = Object.keys(service.ports)
  if (!variable || more.length > 0) {
    throw new Error(`service ${service.name} (${service.provider}) needs exactly one port in x-lab.ports, such as ${service.name.toUpperCase()}_PORT`)
  }
  return { host: addresses[hostVariable(variable)]!, port: Number(addresses[variable]) }
}

/** `REDIS_PORT` → `REDIS_HOST`. */
export function hostVariable(portVariable: string): string {
  return portVariable.replace(/_PORT$/, '_HOST')
}
