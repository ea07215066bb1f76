import type { Glyphs } from '../reports/chart.ts'
import { searchChart } from '../reports/search-chart.ts'
import { p99LimitOf } from '../reports/searched.ts'
import { spikeText } from '../reports/spike-table.ts'
import { spikeFigures } from '../reports/spike.ts'
import { faultLabel, type RunState, type SearchState } from '../run/state.ts'
import { whereText } from '../run/where.ts'
import { bracketText, tally } from './search-words.ts'
import { clean, lineCells, paintLine, wrapWords, type Line, type Span } from './ui/cells.ts'
import { failures, stamp } from './ui/facts.ts'
import { count, ms, percent } from './ui/format.ts'
import { accountingLines, OUTCOMES } from './ui/outcome.ts'
import { createTheme, SYMBOLS, terminalGlyphs, type Style } from './ui/theme.ts'

export interface SummaryOptions {
  color: boolean
  /** Cells; no line is longer. */
  width: number
  /** As the reader would open it from here. */
  reportPath?: string
  glyphs?: Glyphs
}

const EXIT_CODES: Record<number, string> = {
  0: 'passed',
  1: 'internal error',
  2: 'bad usage or configuration',
  3: 'the machine lacks something',
  4: 'an expectation failed, or a service died by itself',
  5: 'regression',
  6: 'inconclusive or invalid: the measurement cannot be believed',
  7: 'data lost, duplicated, miscounted or leaked',
  130: 'interrupted',
  143: 'terminated',
}

/** What stays in the scrollback: verdict, the numbers that matter, accounting, validity, where the report is. */
export function summaryText(state: RunState, { color, width, reportPath, glyphs = terminalGlyphs(process.env) }: SummaryOptions): string {
  const theme = createTheme({ color, glyphs })
  const cells = Math.max(20, width)
  const body: Line[] = [
    ...reasons(state, cells),
    ...(state.search ? searched(state.search, state.run && p99LimitOf(state.run.scenario), cells) : []),
    ...rows('events', numbers(state), cells),
    ...rows('latency', latencies(state), cells),
    ...rows('backlog', backlog(state), cells),
    ...rows('spike', spiked(state), cells),
    ...rows('lag', lags(state), cells),
    ...rows('faults', faults(state), cells),
    ...rows('borders', borders(state), cells, state.trespass && state.trespass.leaks > 0 ? 'bad' : undefined),
    ...accounting(state, cells),
    ...checks(state, cells),
    ...(reportPath === undefined ? [] : rows('report', [clean(reportPath)], cells)),
    ...exit(state, cells),
  ]
  return [...headline(state, cells), ...body]
    .map((line) => theme.finish(paintLine(line, Math.min(cells, lineCells(line)), theme).trimEnd()))
    .join('\n')
}

const LABEL = 12

/** A label, then pieces joined by ` · `, on as many lines as it takes. */
function rows(label: string, pieces: readonly string[], width: number, style?: Style): Line[] {
  if (pieces.length === 0) return []
  const lines: string[] = []
  for (const piece of pieces) {
    const joined = lines.length === 0 ? piece : `${lines.at(-1)} · ${piece}`
    if (lines.length > 0 && joined.length <= width - LABEL) lines[lines.length - 1] = joined
    else lines.push(...wrapWords(piece, width - LABEL))
  }
  return lines.map((line, index): Line => [
    { text: (index === 0 ? `  ${label}` : '').padEnd(LABEL), style: 'dim' },
    { text: line, style },
  ])
}

function headline({ run, verdict, ended }: RunState, width: number): Line[] {
  const [symbol, word, style] = verdict
    ? OUTCOMES[verdict.outcome]
    : ended?.status === 'failed'
      ? ([SYMBOLS.bad, 'FAILED', 'bad'] as const)
      : ([SYMBOLS.warn, ended?.status === 'aborted' ? 'ABORTED' : 'NO VERDICT', 'warn'] as const)
  const what: Span[] = run
    ? [
        ` ${clean(run.scenario.id)} on ${clean(run.architecture)}`,
        { text: ` · ${clean(run.title)} · ${clean(whereText(run))} · ${clean(run.runId)}`, style: 'dim' },
      ]
    : [' no run began']
  const line: Line = [{ text: `${symbol} ${word}`, style }, ...what]
  return [lineCells(line) > width ? line.slice(0, 2) : line]
}

function reasons({ verdict, ended }: RunState, width: number): Line[] {
  const all = [...(verdict?.reasons ?? []), ...(verdict?.remarks ?? []), ...(ended?.why === undefined || verdict?.reasons.includes(ended.why) ? [] : [ended.why])]
  return all.flatMap((reason) => wrapWords(clean(reason), width - 4).map((line, index): Line => [index === 0 ? '  - ' : '    ', line]))
}

function numbers({ last, samples }: RunState): string[] {
  if (!last) return []
  const { scheduled, ok, inFlight } = last.counts.events
  const ended = scheduled - inFlight
  const peak = samples.reduce((most, { rates }) => Math.max(most, rates.accepted), 0)
  return [
    `${count(scheduled)} offered`,
    `${count(ok)} accepted (${percent(ended > 0 ? ok / ended : undefined)})`,
    `${count(failures(last.counts.events))} failed`,
    `at most ${count(peak)}/s accepted`,
  ]
}

/** Seconds do not add up to percentiles of the run: those are in the report, from the merged histograms. */
function latencies({ samples, verdict }: RunState): string[] {
  const whole = verdict?.latencyMs
  if (whole !== undefined && whole.count > 0) return [`p50 ${ms(whole.p50)}`, `p95 ${ms(whole.p95)}`, `p99 ${ms(whole.p99)}`, `max ${ms(whole.max)} ms`, 'from the intended send time']
  const measured = samples.flatMap(({ latency }) => latency ?? [])
  if (measured.length === 0) return []
  const p99s = measured.map(({ p99 }) => p99).sort((a, b) => a - b)
  return [
    `p99 ${ms(p99s[Math.floor(p99s.length / 2)])} ms in the median second`,
    `${ms(p99s.at(-1))} ms in the worst`,
    `max ${ms(Math.max(...measured.map(({ max }) => max)))} ms`,
  ]
}

/** Every probe, highest rate first, and what gave out. */
function searched({ probes, bracket, searched: answer }: SearchState, limitMs: number | undefined, width: number): Line[] {
  const chart = searchChart(probes, { limitMs, width: Math.min(100, width - 4) }).map((line): Line => [`    ${line}`])
  return [
    ...rows('probes', probes.length === 0 ? [] : [tally(probes)], width),
    ...(answer === undefined ? rows('so far', [bracketText({ probes, bracket })], width) : []),
    ...chart,
    ...(answer?.bottleneck?.evidence ?? []).flatMap((line, index) => rows(index === 0 ? 'evidence' : '', [clean(line)], width)),
  ]
}

function backlog({ samples, settle }: RunState): string[] {
  const known = samples.flatMap((sample) => sample.backlog ?? [])
  return [
    ...(known.length > 0 ? [`at most ${count(known.reduce((most, value) => Math.max(most, value), 0))} events`] : []),
    ...(settle
      ? [
          settle.drained
            ? `drained ${(settle.tookMs / 1_000).toFixed(1)} s after the load`
            : `NOT drained after ${(settle.tookMs / 1_000).toFixed(1)} s, ${count(settle.backlog)} left`,
        ]
      : []),
  ]
}

function spiked(state: RunState): string[] {
  const figures = spikeFigures(state)
  return figures === undefined ? [] : [spikeText(figures)]
}

function lags({ accounting: found }: RunState): string[] {
  return [
    ...(found?.persistedLagMs ? [`persisted p50 ${ms(found.persistedLagMs.p50)}, p99 ${ms(found.persistedLagMs.p99)} ms`] : []),
    ...(found?.freshnessMs ? [`visible p50 ${ms(found.freshnessMs.p50)}, p99 ${ms(found.freshnessMs.p99)} ms`] : []),
  ]
}

/** `kill worker at 0:20, ready again after 3.7 s` */
function faults(state: RunState): string[] {
  return state.faults.map((fault) => {
    const lasted = fault.healedAtMs === undefined ? 'not healed' : `ready again after ${((fault.healedAtMs - fault.injectedAtMs) / 1_000).toFixed(1)} s`
    return `${clean(faultLabel(fault))} at ${stamp(state, fault.injectedAtMs)}, ${lasted}`
  })
}

function borders({ trespass }: RunState): string[] {
  return trespass === undefined ? [] : [`${count(trespass.attempts)} attempts to cross them`, `${count(trespass.leaks)} leaks`]
}

function accounting(state: RunState, width: number): Line[] {
  return accountingLines(state, width - LABEL, { lags: false }).map((line, index): Line => [
    { text: (index === 0 ? '  account' : '').padEnd(LABEL), style: 'dim' },
    ...line,
  ])
}

function checks({ verdict }: RunState, width: number): Line[] {
  if (!verdict) return []
  const broken = verdict.validity.filter(({ ok }) => ok === false)
  const unjudged = verdict.validity.filter(({ ok }) => ok === 'not judged')
  const judged = verdict.validity.length - unjudged.length
  const says =
    broken.length > 0
      ? `${SYMBOLS.warn} INVALID: ${broken.map((one) => `${one.check} (${one.says})`).join('; ')}`
      : `${judged} of ${verdict.validity.length} checks judged, all hold`
  const unmet = verdict.expectations.filter(({ met }) => met === false)
  const met = verdict.expectations.filter(({ met }) => met === true).length
  const notMeasured = verdict.expectations.length - unmet.length - met
  return [
    ...(verdict.validity.length > 0 ? rows('validity', [clean(says)], width, broken.length > 0 ? 'warn' : undefined) : []),
    ...(verdict.expectations.length > 0
      ? rows(
          'expected',
          [`${met} of ${verdict.expectations.length} met`, ...(notMeasured > 0 ? [`${notMeasured} not measured`] : [])],
          width,
        )
      : []),
    ...unmet.flatMap((one) => rows('', [`${SYMBOLS.bad} not met: ${clean(one.says)}`], width, 'bad')),
  ]
}

function exit({ ended, verdict }: RunState, width: number): Line[] {
  const code = ended?.exitCode ?? verdict?.exitCode
  return code === undefined ? [] : rows('exit code', [`${code}: ${EXIT_CODES[code] ?? 'unknown'}`], width)
}
