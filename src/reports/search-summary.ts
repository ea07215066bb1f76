import type { RunStarted } from '../run/events.ts'
import type { RunRecord } from '../run/record.ts'
import type { Bottleneck, ProbeResult, Searched } from '../run/search.ts'
import type { SearchState } from '../run/state.ts'
import { answerOf } from './searched.ts'
import { whatRan, type WhatRan } from './what-ran.ts'

export const SEARCH_SUMMARY_VERSION = 1

/** `summary.json` of a search. Fit to be committed: no paths, no host name. */
export interface SearchSummary extends WhatRan {
  kind: 'search'
  schemaVersion: typeof SEARCH_SUMMARY_VERSION
  firstRate: number
  search: NonNullable<RunStarted['scenario']['search']>
  /** Absent: it did not come to its end. */
  answer?: Omit<Searched, 'bottleneck'> & { says: string }
  bottleneck?: Bottleneck
  /** Orders of history that every probe began with. */
  historyOrders?: number
  probes: readonly ProbeResult[]
}

export function summariseSearch({ run, state }: RunRecord, { probes, searched, current }: SearchState): SearchSummary {
  const { bottleneck, ...answer } = searched ?? {}
  return {
    kind: 'search',
    schemaVersion: SEARCH_SUMMARY_VERSION,
    ...whatRan({ run, state }, current?.run.services ?? []),
    firstRate: run.baseRate,
    search: run.scenario.search!,
    ...(searched && { answer: { ...(answer as Omit<Searched, 'bottleneck'>), says: answerOf(searched) } }),
    ...(bottleneck && { bottleneck }),
    ...(run.history !== undefined && { historyOrders: run.history }),
    probes,
  }
}
