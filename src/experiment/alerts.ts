import type { Sample } from '../run/events.ts'

const MAX_ERROR_RATE = 0.01
const MAX_BACKLOG = 100_000
const MAX_DATABASE_CPU = 0.8
const DATABASES = new Set(['postgres', 'replica', 'clickhouse'])

export interface Alert {
  alert: 'error-rate' | 'backlog' | 'database-cpu'
  on: boolean
  says: string
}

/** Watches samples; returns what was raised or cleared by each. Pure but for the memory of what is on. */
export function alerting(cores: number): (sample: Sample, previous: Sample | undefined) => Alert[] {
  const on = new Set<Alert['alert']>()
  const turn = (alert: Alert['alert'], raised: boolean, says: string): Alert[] => {
    if (raised === on.has(alert)) return []
    if (raised) on.add(alert)
    else on.delete(alert)
    return [{ alert, on: raised, says }]
  }
  return (sample, previous) => {
    const rate = errorRate(sample, previous)
    const backlog = sample.backlog ?? 0
    const database = Object.entries(sample.services).find(([name]) => DATABASES.has(name))?.[1].cpu ?? 0
    return [
      ...turn('error-rate', rate > MAX_ERROR_RATE, `error rate ${(rate * 100).toFixed(1)} % (limit ${MAX_ERROR_RATE * 100} %)`),
      ...turn('backlog', backlog > MAX_BACKLOG, `backlog ${backlog.toLocaleString('en-US')} (limit ${MAX_BACKLOG.toLocaleString('en-US')})`),
      ...turn('database-cpu', database > MAX_DATABASE_CPU * cores, `database CPU ${((database / cores) * 100).toFixed(0)} % of ${cores} cores (limit ${MAX_DATABASE_CPU * 100} %)`),
    ]
  }
}

/** Share of the events that ended in this sample and did not end well. */
function errorRate(sample: Sample, previous: Sample | undefined): number {
  const now = sample.counts.events
  const before = previous?.counts.events ?? { ok: 0, rejected: 0, unknown: 0, neverSent: 0 }
  const bad = now.rejected + now.unknown + now.neverSent - before.rejected - before.unknown - before.neverSent
  const ended = bad + now.ok - before.ok
  return ended <= 0 ? 0 : bad / ended
}
