import { createWriteStream } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { machineMeter } from '../measure/machine.ts'
import type { Sample } from '../run/events.ts'
import type { System } from '../runtime/runtime.ts'
import type { Architecture, Judge } from '../system/architecture.ts'
import { createContext } from '../system/context.ts'
import type { LogLine } from './loki.ts'
import { startObserver } from './observe.ts'
import { answerInTime, cpuByReplica, servicesUsage } from './sampling.ts'

const EVERY_MS = 2_000
const NOTHING = { scheduled: 0, sent: 0, ok: 0, rejected: 0, unknown: 0, neverSent: 0, inFlight: 0 }

export interface Keeping {
  system: System
  architecture: Architecture
  knobs: Record<string, string | number | boolean>
  /** Where `traces.ndjson` goes. */
  logDir: string
  runId: string
  oneIn: number
  lines: LogLine[]
}

/** Tells of a system that is kept up, without a run: what its services use, how much waits, what they print, and where to find them. */
export async function observeKept({ system, architecture, knobs, logDir, runId, oneIn, lines }: Keeping): Promise<AsyncDisposable> {
  const over = new AbortController()
  const judge = await architecture.judge(createContext({ env: system.env, knobs, signal: over.signal }))
  const folder = { stream: (name: string) => createWriteStream(join(logDir, name), { flags: 'a' }) }
  const observer = startObserver({ system, folder, emit: () => undefined, runId, oneIn, cores: availableParallelism(), lines })
  const look = looker(system, judge)
  const looking = (async () => {
    while (!over.signal.aborted) {
      observer.sampled(await look())
      await sleep(EVERY_MS, undefined, { signal: over.signal }).catch(() => undefined)
    }
  })()
  return {
    async [Symbol.asyncDispose]() {
      over.abort()
      await looking
      await observer[Symbol.asyncDispose]()
      await judge[Symbol.asyncDispose]()
    },
  }
}

function looker(system: System, judge: Judge): () => Promise<Sample> {
  const meter = machineMeter()
  let before = { atMs: Date.now(), cpu: new Map<string, number>() }
  return async () => {
    const [usage, backlog, stored] = await Promise.all([system.usage().catch(() => []), answerInTime(judge.backlog()), answerInTime(judge.stored())])
    const atMs = Date.now()
    const services = servicesUsage(usage, before.cpu, Math.max(0.001, (atMs - before.atMs) / 1_000))
    before = { atMs, cpu: cpuByReplica(usage) }
    return {
      type: 'sample', second: 0, rates: { offered: 0, sent: 0, accepted: 0, reads: 0 }, counts: { events: NOTHING, reads: NOTHING }, errors: {},
      stored, backlog, services, lab: { cpu: 0, rssBytes: 0 }, machine: meter.read(),
    }
  }
}
