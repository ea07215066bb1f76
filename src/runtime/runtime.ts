import type { Readable } from 'node:stream'
import type { Link } from '../link/client.ts'

/** What services run on. Nothing here assumes that all of them share one host. */
export interface Runtime {
  name: 'local' | 'docker'
  /** What it consists of, and in which version: of the Docker engine. */
  versions?: Record<string, string>
  /** Brings the whole stack up, in `depends_on` order; on failure or abort everything started is gone before it throws. */
  up(stack: StackRequest): Promise<System>
}

export interface StackRequest {
  runId: string
  /** Compose files, later ones override. Absolute paths. */
  files: string[]
  /** Values for interpolation: knobs as `LAB_*`, images, nothing secret. They may name addresses: `${OTLP_PORT:-4318}`. */
  env: Record<string, string>
  /** Services of the files that are left out. */
  without?: readonly string[]
  /** Where `<service>.log` files go. */
  logDir: string
  /** Services whose clients are to reach them through a proxy that can be told to be bad; none by default. */
  links?: readonly string[]
  /** Services that somebody else runs: they are not started, and processes of ours are told of them by these variables. */
  external?: { services: readonly string[]; env: Readonly<Record<string, string>> }
  /** Fixed port of the api (`lab up`); otherwise random. */
  apiPort?: number
  signal: AbortSignal
  /** Told of everything that happens, until the system is disposed. */
  on(event: RuntimeEvent): void
}

export type RuntimeEvent =
  | { type: 'fetch'; what: string; done: number; total?: number }
  | { type: 'service-started'; service: string; replica: number; pid?: number }
  /** `version`: of the server, as it says itself, such as `PostgreSQL 18.4`. */
  | { type: 'service-ready'; service: string; replica: number; tookMs: number; version?: string }
  /** `expected`: the lab (or a fault) ended it, or it was one-shot and succeeded. `willRestart`: its restart policy brings it back. */
  | {
      type: 'service-exited'
      service: string
      replica: number
      code: number | null
      signal: string | null
      expected: boolean
      willRestart: boolean
      lastLines: string[]
    }
  | { type: 'service-restarted'; service: string; replica: number; attempt: number }
  | { type: 'log'; service: string; replica: number; line: string }

/** A running stack. Disposing stops everything and removes its data. */
export interface System extends AsyncDisposable {
  /** Host and port as seen from the lab: the variables of the compose files, resolved (`REDIS_HOST`, `REDIS_PORT`, `API_PORT` …). */
  env: Record<string, string>
  services: readonly RunningService[]
  /**
   * Brings a service of ours to so many replicas (1 to 100) and resolves when the new ones are ready, or the superfluous (the
   * newest) have finished what they had in hand. Changes follow one another. Rejects once the system is being disposed.
   */
  scale(service: string, replicas: number): Promise<void>
  /** `http://host:port` of the api, as the lab reaches it. */
  apiUrl: string
  /** The same as injectors and subscribers reach it. */
  loadUrl: string
  /** Starts one more process of ours beside the stack (injector, subscribers), under the same watchdog and labels. */
  spawn(entry: 'injector' | 'subscribers', env: Record<string, string>): Promise<LabProcess>
  /** CPU and memory of every replica, cumulative CPU. */
  usage(): Promise<Usage[]>
  /** Bytes under the data folders or volumes of stores and brokers. */
  dataBytes(): Promise<Record<string, number>>
}

export interface RunningService {
  service: string
  replica: number
  pid?: number
  /** Where its Prometheus text is, while it is ready and has any. */
  metricsUrl?: string
  /**
   * SIGKILL, as a crash. Its restart policy may bring it back (`willRestart`); `start` does.
   * With `hold` it stays away until `start`, whatever its policy says.
   */
  kill(options?: { hold?: boolean }): Promise<{ willRestart: boolean }>
  /** Resolves when it is ready. Rejects when it has ended and nothing brings it back, or it takes too long. */
  ready(signal: AbortSignal): Promise<void>
  /** Stops it in its own way (SIGTERM) and waits. */
  stop(): Promise<void>
  /** Brings it back after `kill` or `stop` with the same ports and data, and waits until it is ready. */
  start(): Promise<void>
  pause(): Promise<void>
  resume(): Promise<void>
  /** The proxy in front of the whole service, where the run has one. */
  link?: Link
  /** Of containers only: what can be taken from one. Disposing gives it back. */
  deprive?(of: Deprivation): Promise<AsyncDisposable>
}

/** `network`: cut off from all others; `memory`: left with this share of what it holds; `cpu`: left with so many cores. */
export type Deprivation = { what: 'network' } | { what: 'memory'; share: number } | { what: 'cpu'; cores: number }

export interface LabProcess extends AsyncDisposable {
  pid?: number
  stdout: Readable
  /** Where the lab reaches a port that it listens on. */
  reach(port: number): { host: string; port: number }
  /** Resolves when it has ended. */
  exited: Promise<{ code: number | null; signal: string | null }>
}

export interface Usage {
  service: string
  replica: number
  cpuSeconds: number
  rssBytes: number
  /** Number of processes counted. */
  processes: number
}
