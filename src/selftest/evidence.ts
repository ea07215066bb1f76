import type { InjectorSnapshot, LedgerPatch, LoadPlan, PhaseSeries } from '../load/control.ts'
import { decodeHistogram, newHistogram, type Histogram } from '../measure/histogram.ts'
import { fates, timesIn, type Fates } from '../measure/ledger.ts'

/** Everything an injector said about one load, put together. */
export interface Evidence {
  plan: LoadPlan
  invalid: readonly string[]
  last: InjectorSnapshot
  /** All phases merged, µs. */
  latency: Histogram
  service: Histogram
  readLatency: Histogram
  sendLag: Histogram
  sums: Pick<PhaseSeries, 'sends' | 'serviceSumUs' | 'serviceCount' | 'inFlightSum' | 'inFlightSamples'>
  ledger: Map<number, { events: number; fates: Fates; timesMs: number[] }>
  /** Snapshots in which scheduled was not the sum of the rest. */
  unbalanced: number
}

const SERIES = ['latency', 'service', 'readLatency', 'sendLag'] as const
const SUMS = ['sends', 'serviceSumUs', 'serviceCount', 'inFlightSum', 'inFlightSamples'] as const

/** Feed it what comes from the injector, then ask. */
export function evidenceOf(plan: LoadPlan) {
  const evidence: Omit<Evidence, 'invalid' | 'last'> = {
    plan,
    latency: newHistogram(), service: newHistogram(), readLatency: newHistogram(), sendLag: newHistogram(),
    sums: { sends: 0, serviceSumUs: 0, serviceCount: 0, inFlightSum: 0, inFlightSamples: 0 },
    ledger: new Map(),
    unbalanced: 0,
  }
  let last: InjectorSnapshot | undefined
  return {
    snapshot(snapshot: InjectorSnapshot): void {
      last = snapshot
      for (const series of snapshot.series) {
        for (const name of SERIES) if (series[name] !== undefined) evidence[name].add(decodeHistogram(series[name]))
        for (const name of SUMS) evidence.sums[name] += series[name]
      }
      for (const { scheduled, ok, rejected, unknown, neverSent, inFlight } of [snapshot.events, snapshot.reads]) {
        if (scheduled !== ok + rejected + unknown + neverSent + inFlight) evidence.unbalanced++
      }
    },
    ledger(patch: LedgerPatch): void {
      const held = evidence.ledger.get(patch.source) ?? { events: 0, fates: fates(), timesMs: [] }
      evidence.ledger.set(patch.source, held)
      held.events = patch.events
      held.fates.write(patch.fromByte, Buffer.from(patch.states, 'base64'))
      held.timesMs.push(...timesIn(patch.baseMs, Buffer.from(patch.times, 'base64')))
    },
    done(invalid: readonly string[]): Evidence {
      if (!last) throw new Error('the injector was done without a snapshot')
      return { ...evidence, invalid, last }
    },
  }
}
