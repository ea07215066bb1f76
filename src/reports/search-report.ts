import type { ProbeOutcome, ProbeResult } from '../run/search.ts'
import type { RunRecord } from '../run/record.ts'
import { again, how, provenance } from './markdown.ts'
import { int, num } from './numbers.ts'
import { p99LimitOf, rate } from './searched.ts'
import { searchChart } from './search-chart.ts'
import type { SearchSummary } from './search-summary.ts'
import { table } from './table.ts'

/** `report.md` of a search: the answer in three lines, the rates that were tried, what gave out, and how it was decided. */
export function searchReport(record: RunRecord, summary: SearchSummary): string {
  return [
    `# ${record.run.scenario.title}: ${record.run.architecture}`,
    answer(summary, record),
    how(record, {}),
    ...(summary.historyOrders === undefined ? [] : [`History: ${int(summary.historyOrders)} orders, written anew for every probe.`]),
    chart(summary, record),
    probeTable(summary),
    reasons(summary),
    bottleneck(summary),
    rules(summary, record),
    notes(record),
    again(summary),
    provenance(summary),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
    .concat('\n')
}

function answer({ verdict, status, answer: found, bottleneck: gaveOut, probes }: SearchSummary, { state }: RunRecord): string {
  const bracket = state.search?.bracket
  const soFar = bracket?.pass === undefined ? 'no rate was seen to hold' : `${rate(bracket.pass)} held${bracket.border === undefined ? '' : `, ${rate(bracket.border)} did not`}`
  const unsure = probes.filter(({ outcome }) => outcome === 'late' || outcome === 'disturbed').length
  const minutes = probes.reduce((sum, { tookSeconds }) => sum + tookSeconds, 0) / 60
  return [
    verdict === undefined
      ? `- **${status.toUpperCase()}**: the search did not come to its end; so far: ${soFar}`
      : `- **${verdict.outcome.toUpperCase()}**: ${verdict.outcome === 'passed' ? found?.says : verdict.reasons.join('; ')}`,
    `- Gave out first: ${gaveOut?.says ?? 'nothing was seen to give out'}`,
    `- ${probes.length} probes in ${num(minutes)} min, each in a fresh system${unsure === 0 ? '; all could be believed' : `; ${unsure} could not be believed and ${unsure === 1 ? 'does' : 'do'} not count`}`,
  ].join('\n')
}

function chart({ probes }: SearchSummary, { run }: RunRecord): string {
  const lines = searchChart(probes, { limitMs: p99LimitOf(run.scenario), width: 78 })
  return lines.length === 0 ? '' : `## Rate against p99\n\n\`\`\`text\n${lines.join('\n')}\n\`\`\``
}

export const OUTCOME_WORDS: Record<ProbeOutcome, string> = { passed: 'passed', failed: 'FAILED', late: 'INVALID (injector late)', disturbed: 'INVALID', data: 'DATA WRONG' }

function probeTable({ probes }: SearchSummary): string {
  if (probes.length === 0) return ''
  const row = ({ probe, rate: tried, outcome, figures: { latencyMs, errorRate, backlogGrowth, drainSeconds, acceptedPerSecond }, tookSeconds }: ProbeResult) => [
    String(probe),
    OUTCOME_WORDS[outcome],
    rate(tried).replace('/s', ''),
    acceptedPerSecond === undefined ? '–' : num(acceptedPerSecond),
    ...(latencyMs === undefined || latencyMs.count === 0 ? ['–', '–'] : [num(latencyMs.p50), num(latencyMs.p99)]),
    share(errorRate, 2),
    share(backlogGrowth, 1),
    drainSeconds === undefined ? '–' : drainSeconds.toFixed(1),
    tookSeconds.toFixed(0),
  ]
  return `## Probes, in the order they were made\n\n${table(['probe', 'outcome', 'orders/s', 'accepted/s', 'p50 ms', 'p99 ms', 'errors', 'backlog growth', 'drained s', 'took s'], probes.map(row), 2)}\n\nOf the hold, warm-up left out; latency from the intended send time. Backlog growth as a share of what was offered. Each probe is a whole run with its own report in \`probes/<probe>/\`.`
}

function reasons({ probes }: SearchSummary): string {
  const lines = probes.flatMap(({ probe, rate: tried, outcome, reasons: all }) => (all.length === 0 ? [] : [`- probe ${probe}, ${rate(tried)}, ${OUTCOME_WORDS[outcome]}: ${all.join('; ')}`]))
  return lines.length === 0 ? '' : `## Why they did not pass\n\n${lines.join('\n')}`
}

function bottleneck({ bottleneck: gaveOut, probes, answer: found }: SearchSummary): string {
  if (gaveOut === undefined) return ''
  const seen = probes.filter(({ rate: tried, bottleneck: one }) => tried === found?.fail?.rate && one !== undefined)
  const others = seen.filter(({ bottleneck: one }) => one!.says !== gaveOut.says).map(({ probe, bottleneck: one }) => `- probe ${probe} says: ${one!.says}`)
  return `## What gave out first\n\n${gaveOut.says}. At ${rate(found?.fail?.rate)}:\n\n${[...gaveOut.evidence.map((line) => `- ${line}`), ...others].join('\n')}`
}

function rules({ search }: SearchSummary, { run }: RunRecord): string {
  const held = run.scenario.phases.filter(({ warmup }) => !warmup).reduce((sum, { seconds }) => sum + seconds, 0)
  const bound = (metric: string) => run.scenario.expectations.find((one) => one.metric === metric)?.atMost
  const criteria = [
    ['p99Ms', (value: number) => `p99 ≤ ${plain(value)} ms`],
    ['errorRate', (value: number) => `errors ≤ ${plain(value * 100)} %`],
    ['backlogGrowth', (value: number) => `a backlog that grows by at most ${plain(value * 100)} % of what is offered`],
    ['drainSeconds', (value: number) => `and is gone ${plain(value)} s after the load`],
  ] as const
  const named = criteria.flatMap(([metric, says]) => (bound(metric) === undefined ? [] : [says(bound(metric)!)]))
  return `## How it was decided\n\nA rate passes when it is held for ${plain(held)} s with ${named.join(', ')}; every event is accounted for. From ${rate(run.baseRate)} on it is doubled until it fails, then bisected until the bracket is no wider than ${plain(search.tolerance * 100)} %; both ends are confirmed until ${search.confirmations} probes agree. A probe that cannot be believed counts neither way.`
}

function notes({ state }: RunRecord): string {
  const lines = [...state.notes.map(({ says }) => says), ...(state.ended?.why === undefined ? [] : [state.ended.why])]
  return lines.length === 0 ? '' : `## Notes\n\n${lines.map((line) => `- ${line.replaceAll('\n', '\n  ')}`).join('\n')}`
}

function plain(value: number): string {
  return String(Number(value.toPrecision(3)))
}

function share(value: number | undefined, decimals: number): string {
  return value === undefined ? '–' : `${(value * 100).toFixed(decimals)} %`
}
