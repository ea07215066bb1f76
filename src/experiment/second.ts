import { decodeHistogram, mergeInto, newHistogram, type Histogram } from '../measure/histogram.ts'
import type { InjectorSnapshot, PhaseSeries, PhaseSums, SubscriberSnapshot } from '../load/control.ts'
import { addGroups, noSums } from '../load/tally.ts'
import { SERIES, type Series } from '../run/series.ts'

const FATES = ['scheduled', 'ok', 'rejected', 'unknown', 'neverSent'] as const

/** What injector and subscribers told since the last {@link Gathering.takeSecond}. */
export interface Second {
  /** By phase index, then series: what ended in this second. */
  histograms: Map<number, Partial<Record<Series, Histogram>>>
  injector?: InjectorSnapshot
  subscribers?: SubscriberSnapshot
  /** [received at, count] of the first subscriber. */
  seen: [number, number][]
  injectorCpu: number
  injectorLoopDelayMs: number
}

/** Gathers snapshots (ten a second) into seconds for the samples and into sums by phase for the verdict. */
export interface Gathering {
  addInjector(snapshot: InjectorSnapshot): void
  addSubscribers(snapshot: SubscriberSnapshot): void
  takeSecond(): Second
  phases(): (PhaseSums & { index: number })[]
}

export function gathering(): Gathering {
  let second = emptySecond()
  let snapshots = 0
  const sums = new Map<number, PhaseSums & { index: number }>()
  return {
    addInjector(snapshot) {
      second.injector = snapshot
      second.injectorCpu += snapshot.cpuShare
      second.injectorLoopDelayMs = Math.max(second.injectorLoopDelayMs, snapshot.loopDelayP99Ms)
      snapshots += 1
      for (const series of snapshot.series) {
        addHistograms(second, series)
        addSums(sums, series)
      }
    },
    addSubscribers(snapshot) {
      second.subscribers = snapshot
      second.seen.push(...snapshot.seen)
    },
    takeSecond() {
      const taken = { ...second, injectorCpu: snapshots > 0 ? second.injectorCpu / snapshots : 0 }
      second = { ...emptySecond(), injector: taken.injector, subscribers: taken.subscribers }
      snapshots = 0
      return taken
    },
    phases: () => [...sums.values()].sort((a, b) => a.index - b.index),
  }
}

function emptySecond(): Second {
  return { histograms: new Map(), seen: [], injectorCpu: 0, injectorLoopDelayMs: 0 }
}

function addHistograms(second: Second, series: PhaseSeries): void {
  let byName = second.histograms.get(series.phase)
  if (byName === undefined) second.histograms.set(series.phase, (byName = {}))
  for (const name of SERIES) {
    const encoded = series[name]
    if (encoded !== undefined) mergeInto((byName[name] ??= newHistogram()), decodeHistogram(encoded))
  }
}

function addSums(sums: Map<number, PhaseSums & { index: number }>, series: PhaseSeries): void {
  const sum = sums.get(series.phase) ?? { index: series.phase, ...noSums() }
  for (const fate of FATES) sum.events[fate] += series.events[fate]
  sum.sends += series.sends
  sum.serviceSumUs += series.serviceSumUs
  sum.serviceCount += series.serviceCount
  sum.inFlightSum += series.inFlightSum
  sum.inFlightSamples += series.inFlightSamples
  addGroups(sum, series)
  sums.set(series.phase, sum)
}
