import type Docker from 'dockerode'
import type { ProviderName } from '../compose.ts'
import { httpStatus } from '../local/node.ts'
import { checkCommand, type ContainerPart } from './container-part.ts'
import { execIn } from './exec.ts'

/** How one kind of service is found ready. */
export interface Readiness {
  /** Is it ready now? `saw` looks at the lines it has printed in this life. */
  isReady(saw: (pattern: RegExp) => boolean): Promise<boolean>
  /** From one look to the next, ms. */
  everyMs: number
}

/** Services of ours say so themselves; only of the API must the endpoint agree. */
const SAYS_READY = /(?<!not )\bready\b/

/** Name and version (the first two groups) in what a server prints when it starts. */
export const VERSIONS: Partial<Record<ProviderName, RegExp>> = {
  postgres: /starting (PostgreSQL) ([\d.]+)/,
  redis: /(Redis|Valkey) version=([\d.]+)/,
  rabbitmq: /(RabbitMQ) (\d[\d.]*)/,
  kafka: /(Kafka) version: (\d[\d.]*)/,
  flink: /org\.apache\.(flink)\.\S.* Starting .*\(Version: (\d[\d.]*)/,
  clickhouse: /(ClickHouse) (\d[\d.]*)/,
}

/**
 * What a server prints before its check makes sense: each is a process in the container, some 100 ms of CPU while others start (RabbitMQ's
 * is an Erlang of its own, a second, and run too early it makes the cookie that the server should make). Who does not print it is
 * checked all the same, after a while.
 */
const STARTED: Partial<Record<ProviderName, RegExp>> = {
  postgres: /ready to accept (read-only )?connections/,
  redis: /Ready to accept connections/,
  rabbitmq: /Server startup complete|started TCP listener/,
  kafka: /Kafka Server started/,
  // Of the JobManager and of the gateway; and a TaskManager is there when the JobManager knows it.
  flink: /Rest endpoint listening at|Successful registration at resource manager/,
}
const UNSEEN_AFTER_MS = 10_000
const UNSEEN_EVERY_MS = 2_000

/** For one life of a container. */
export function readinessOf(docker: Docker, container: Docker.Container, provider: ProviderName, part: ContainerPart, readyUrl: string | undefined): Readiness {
  if (readyUrl !== undefined) return { isReady: async () => (await httpStatus(readyUrl, 1_000)) === 200, everyMs: 15 }
  if (provider === 'node') return { isReady: async (saw) => saw(SAYS_READY), everyMs: 15 }
  const { check } = part
  const started = STARTED[provider]
  let dueMs: number | undefined
  const isDue = (): boolean => {
    const nowMs = performance.now()
    dueMs ??= nowMs + UNSEEN_AFTER_MS
    if (nowMs < dueMs) return false
    dueMs = nowMs + UNSEEN_EVERY_MS
    return true
  }
  if (check === undefined) {
    // As with Docker: who has no check is ready as soon as it runs; unless it is known to say so itself.
    return { isReady: async (saw) => started === undefined || saw(started), everyMs: 15 }
  }
  const command = checkCommand(check)
  return {
    async isReady(saw) {
      if (started && !saw(started) && !isDue()) return false
      return (await execIn(docker, container, command, check.timeoutMs).catch(() => ({ code: null }))).code === 0
    },
    everyMs: 50,
  }
}
