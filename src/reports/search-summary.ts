import type { RunStarted } from '../run/events.ts'
import type { RunRecord } from '../run/record.ts'
import type { Bottleneck, ProbeResult, Searched } from '../run/search.ts'
import type { SearchState } from '../run/state.ts'
import { answerOf } from './searched.ts'
import type { Summary } from './summarise.ts'

export const SEARCH_SUMMARY_VERSION = 1

/** `summary.json` of a search. Fit to be committed: no paths, no host name. */
export interface SearchSummary extends Pick<Summary, 'runId' | 'scenario' | 'architecture' | 'knobs' | 'guarantee' | 'runtime' | 'seed' | 'commandLine' | 'status' | 'verdict' | 'machine' | 'versions' | 'git'> {
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
    runId: run.runId,
    scenario: run.scenario.id,
    architecture: run.architecture,
    knobs: run.knobs,
    guarantee: run.guarantee,
    runtime: run.runtime,
    seed: run.seed,
    firstRate: run.baseRate,
    commandLine: run.commandLine,
    status: state.ended?.status ?? (state.verdict === undefined ? 'running' : 'complete'),
    verdict: state.verdict && { outcome: state.verdict.outcome, exitCode: state.verdict.exitCode, reasons: state.verdict.reasons, ...(state.verdict.remarks && { remarks: state.verdict.remarks }) },
    search: run.scenario.search!,
    ...(searched && { answer: { ...(answer as Omit<Searched, 'bottleneck'>), says: answerOf(searched) } }),
    ...(bottleneck && { bottleneck }),
    ...(run.history !== undefined && { historyOrders: run.history }),
    probes,
    machine: run.machine,
    versions: { ...run.versions, ...Object.fromEntries(current?.run.services.flatMap(({ service, version }) => (version === undefined ? [] : [[service, version]])) ?? []) },
    git: run.git,
  }
}
