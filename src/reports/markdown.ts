import type { Sample } from '../run/events.ts'
import type { RunRecord } from '../run/record.ts'
import { lineChart } from './chart.ts'
import { deathSentences } from './deaths.ts'
import { eventTable } from './event-table.ts'
import { faultLabel } from '../run/state.ts'
import { whereText } from '../run/where.ts'
import { faultSection } from './fault-table.ts'
import { insideSection } from './inside-table.ts'
import { int, mib, ms, num, percentileCells } from './numbers.ts'
import { flowPicture, mermaid } from './picture.ts'
import { spikeSection, spikeText } from './spike-table.ts'
import type { PhaseFigures, Summary } from './summarise.ts'
import { table } from './table.ts'
import { traceSection } from './trace-table.ts'
import { attemptsText, tenantsSection } from './tenants-table.ts'

/** `report.md`: the answer in three lines, then what it rests on. */
export function markdownReport(record: RunRecord, summary: Summary): string {
  const { title, answer: says, how: system, after } = markdownSections(record, summary)
  return joined([`# ${title}`, says, system, picture(record, summary), charts(record), after]).concat('\n')
}

/** What a person looks at in a list of jobs: the answer, the picture, the phases, what was expected. */
export function shortReport(record: RunRecord, summary: Summary): string {
  return joined([`## ${markdownSections(record, summary).title}`, answer(summary), picture(record, summary), phaseTable(summary), expectationTable(summary), again(summary)])
}

/** What a report says in words and tables: before the charts, and after. */
export function markdownSections(record: RunRecord, summary: Summary): Record<'title' | 'answer' | 'how' | 'after', string> {
  return {
    title: `${record.run.scenario.title}: ${record.run.architecture}`,
    answer: answer(summary),
    how: how(record, summary),
    after: joined([
      phaseTable(summary),
      spikeSection(summary),
      insideSection(summary),
      faultSection(record, summary),
      tenantsSection(summary, record.state.loadStartAtMs),
      eventTable(record, summary),
      latencies(summary),
      traceSection(summary),
      resourceTable(summary),
      expectationTable(summary),
      validityTable(summary),
      notes(record, summary),
      again(summary),
      provenance(summary),
    ]),
  }
}

function joined(parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('\n\n')
}

function picture(record: RunRecord, summary: Summary): string {
  return `## The way of an event\n\n\`\`\`mermaid\n${mermaid(flowPicture(record, summary))}\n\`\`\``
}

function answer(summary: Summary): string {
  return `- ${verdictLine(summary)}\n- ${figuresLine(summary)}\n- ${validityLine(summary)}`
}

/** `**PASSED**: nothing lost …` */
export function verdictLine({ verdict, status }: Summary): string {
  if (verdict === undefined) return `**${status.toUpperCase()}**: the run did not come to a verdict`
  const word = `**${verdict.outcome.toUpperCase()}**`
  if (verdict.outcome === 'passed') {
    const lost = verdict.remarks?.find((remark) => remark.startsWith('lost '))
    return `${word}: ${lost === undefined ? 'every accepted event was stored once, counted once and shown' : `${lost}; every other one was stored once, counted once and shown`}; all expectations met`
  }
  return `${word}: ${verdict.reasons.slice(0, 3).join('; ')}${verdict.reasons.length > 3 ? `; and ${verdict.reasons.length - 3} more` : ''}`
}

/** The numbers that matter, in one line. */
export function figuresLine({ overall, accounting, drainSeconds, phases, spike, trespass }: Summary): string {
  const parts: string[] = []
  const peak = Math.max(0, ...phases.map((phase) => phase.peakAcceptedPerSecond))
  if (accounting) parts.push(`${int(accounting.ok)} of ${int(accounting.scheduled)} events accepted, ${int(accounting.stored)} stored, ${int(accounting.lost)} lost${accounting.lost > 0 && accounting.lostExcused === accounting.lost ? ' (allowed)' : ''}`)
  if (peak > 0) parts.push(`peak ${int(peak)} accepted/s`)
  if (overall?.latencyMs) parts.push(`latency p50 ${ms(overall.latencyMs.p50)}, p99 ${ms(overall.latencyMs.p99)}`)
  if (accounting?.freshnessMs && accounting.freshnessMs.count > 0) parts.push(`on the dashboard after ${ms(accounting.freshnessMs.p50)} (p99 ${ms(accounting.freshnessMs.p99)})`)
  if (trespass) parts.push(`borders: ${attemptsText(trespass)}`)
  if (spike) parts.push(spikeText(spike))
  if (drainSeconds !== undefined) parts.push(`backlog gone ${drainSeconds.toFixed(1)} s after the load`)
  return parts.length === 0 ? 'no figures: the run ended before the load' : parts.join(' · ')
}

function validityLine({ validity }: Summary): string {
  const bad = validity.filter((finding) => finding.ok === false)
  const judged = validity.filter((finding) => finding.ok !== 'not judged').length
  if (judged === 0) return 'Validity: not judged'
  if (bad.length === 0) return `Validity: the measurement can be believed (${judged} checks)`
  return `Validity: INVALID, ${bad.map((finding) => `${finding.check}: ${finding.says}`).join('; ')}`
}

/** What ran, in words, and with what. */
export function how({ run }: Pick<RunRecord, 'run'>, summary: Pick<Summary, 'history'>): string {
  const knobs = Object.entries(run.knobs).map(([name, value]) => `${name}=${value}`)
  return [
    `**${run.title}**`,
    `\`\`\`text\n${run.flow}\n\`\`\``,
    `Guarantee: ${run.guarantee.level}. ${run.guarantee.says} A kill of a process keeps the machine's page cache: what was tested is durability against crashes of processes, not against power loss.`,
    `Knobs: ${knobs.length === 0 ? 'none' : knobs.map((knob) => `\`${knob}\``).join(' ')} · base rate ${run.baseRate}/s · runtime ${whereText(run)} · seed ${run.seed}`,
    ...(summary.history === undefined ? [] : [historyLine(summary.history)]),
  ].join('\n\n')
}

function historyLine({ orders, days, seconds, perSecond }: NonNullable<Summary['history']>): string {
  return `History: ${int(orders)} orders over ${days} days, written in ${num(seconds)} s (${int(perSecond)}/s)`
}

function charts({ samples, phases, state }: RunRecord): string {
  const loaded = samples.filter((sample) => sample.second >= 0)
  if (loaded.length < 2) return ''
  const startMs = state.loadStartAtMs ?? phases[0]?.beganAtMs ?? 0
  const second = (atMs: number) => (atMs - startMs) / 1_000
  const xs = loaded.map((sample) => sample.second)
  const bands = [
    phases.map((phase) => ({ from: second(phase.beganAtMs), to: second(phase.beganAtMs) + phase.seconds, label: phase.name })),
    state.faults.map((fault) => ({
      from: second(fault.injectedAtMs),
      to: fault.healedAtMs === undefined ? undefined : second(fault.healedAtMs),
      label: faultLabel(fault),
      kind: 'span' as const,
    })),
  ].filter((row) => row.length > 0)
  const chart = (title: string, ys: (number | undefined)[], yLabel = int) => {
    if (ys.every((y) => y === undefined)) return ''
    if (ys.every((y) => (y ?? 0) === 0)) return `### ${title}\n\n0 all along.`
    const lines = lineChart({ width: 78, height: 14, series: { name: title, xs, ys }, from: xs[0]!, to: xs.at(-1)!, bands, xLabel: (x) => `${Math.round(x)} s`, yLabel })
    return `### ${title}\n\n\`\`\`text\n${lines.map((line) => line.trimEnd()).join('\n')}\n\`\`\``
  }
  return [
    '## Over time',
    chart('Accepted events per second', loaded.map((sample) => sample.rates.accepted)),
    chart('Stored events per second', loaded.map((sample) => sample.rates.persisted)),
    chart('Latency p99 of orders, from the intended send time (ms)', loaded.map((sample) => sample.latency?.p99), num),
    chart('Backlog (events)', loaded.map((sample) => sample.backlog)),
    ...[...new Set(state.scalings.map(({ service }) => service))].map((service) => chart(`Replicas of ${service}`, loaded.map((sample) => sample.services[service]?.replicas))),
    chart('Freshness: age of the newest event on the dashboard (ms)', loaded.map((sample) => sample.freshnessMs), num),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
}

function phaseTable({ phases }: Summary): string {
  if (phases.length === 0) return ''
  const reads = phases.some((phase) => phase.readLatencyMs !== undefined && phase.readLatencyMs.count > 0)
  const readCells = ({ readsPerSecond, readLatencyMs }: PhaseFigures) => (readLatencyMs === undefined || readLatencyMs.count === 0 ? ['–', '–'] : [int(readsPerSecond), num(readLatencyMs.p95)])
  const row = (phase: PhaseFigures) => [
    phase.measured ? phase.name : `${phase.name} (warm-up)`,
    phase.seconds.toFixed(0),
    int(phase.offeredPerSecond),
    int(phase.acceptedPerSecond),
    phase.persistedPerSecond === undefined ? '–' : int(phase.persistedPerSecond),
    ...percentileCells(phase.latencyMs),
    ...(reads ? readCells(phase) : []),
    phase.peakBacklog === undefined ? '–' : int(phase.peakBacklog),
    int(phase.errors),
  ]
  return `## Phases side by side\n\n${table(['phase', 's', 'offered/s', 'accepted/s', 'stored/s', 'p50', 'p95', 'p99', 'max', ...(reads ? ['reads/s', 'read p95'] : []), 'peak backlog', 'errors'], phases.map(row), 1)}\n\nEvents per second; latency of orders${reads ? ' and reads' : ''} in ms, from the intended send time.`
}

function latencies({ accounting, overall }: Summary): string {
  const rows = (
    [
      ['accepted', overall?.latencyMs, 'intended send time to the reply'],
      ['service time', overall?.serviceMs, 'actual send to the reply'],
      ['persisted', accounting?.persistedLagMs, "intended send time to the store's own clock at insert"],
      ['visible', accounting?.freshnessMs, 'intended send time to a subscriber whose count includes it'],
      ['reads', overall?.readLatencyMs, 'dashboard and analytics requests'],
    ] as const
  ).filter(([, values]) => values !== undefined && values.count > 0)
  if (rows.length === 0) return ''
  return `## Three times per event\n\n${table(['ms', 'p50', 'p95', 'p99', 'max', 'events', ''], rows.map(([name, values, says]) => [name, ...percentileCells(values), int(values!.count), says]), 1)}`
}

function resourceTable({ resources, dataBytes, accounting }: Summary): string {
  const names = Object.keys(resources)
  if (names.length === 0) return ''
  const rows = names.map((name) => {
    const service = resources[name]!
    return [name, String(service.replicas), service.meanCpu.toFixed(2), service.maxCpu.toFixed(2), mib(service.maxRssBytes), service.cpuMsPerThousand === undefined ? '–' : int(service.cpuMsPerThousand)]
  })
  const all = (accounting?.stored ?? 0) + (accounting?.history?.stored ?? 0)
  const bytes = Object.entries(dataBytes ?? {}).map(([name, size]) => `${name} ${mib(size)}${accounting && all > 0 ? ` (${int(size / all)} bytes an event, ${accounting.history ? 'history and ' : ''}fixed part included)` : ''}`)
  return `## Resources\n\n${table(['service', 'replicas', 'CPU mean', 'CPU max', 'memory max', 'CPU-ms per 1,000 events'], rows, 1)}\n\nCPU in cores over the measured phases.${bytes.length > 0 ? ` On disk: ${bytes.join(', ')}.` : ''}`
}

function expectationTable({ expectations }: Summary): string {
  if (expectations.length === 0) return ''
  return `## Expectations\n\n${expectations.map(({ says, met }) => `- ${met === true ? 'met' : met === false ? '**missed**' : 'not measured'}: ${says}`).join('\n')}`
}

function validityTable({ validity }: Summary): string {
  if (validity.length === 0) return ''
  return `## Can it be believed?\n\n${validity.map(({ check, ok, says }) => `- ${ok === true ? 'ok' : ok === false ? '**INVALID**' : 'not judged'} · ${check}: ${says}`).join('\n')}\n\nWarm-up is excluded from all figures above, and accounted for like the rest.`
}

function notes({ state, deaths, samples }: RunRecord, summary: Summary): string {
  const lines = [
    ...(summary.verdict?.remarks ?? []),
    ...summary.notes,
    ...scalingNotes(summary, samples),
    ...deathSentences(deaths),
    ...(state.ended?.why === undefined ? [] : [state.ended.why]),
  ]
  return lines.length === 0 ? '' : `## Notes\n\n${lines.map((line) => `- ${line.replaceAll('\n', '\n  ')}`).join('\n')}`
}

function scalingNotes({ scalings, machine, resources, knobs }: Summary, samples: readonly Sample[]): string[] {
  if (scalings.length === 0) {
    const busiest = Math.max(0, ...samples.flatMap(({ services: { api } }) => (api && api.replicas > 0 ? api.cpu / api.replicas : [])))
    return knobs['autoscale'] === 'on' ? [`autoscale had nothing to do: an API replica used at most ${(busiest * 100).toFixed(0)} % of a core (mean of the replicas, busiest second)`] : []
  }
  const most = Math.max(...scalings.map(({ service }) => resources[service]?.replicas ?? 0))
  const crowded = `more replicas than cores (${most} on ${machine.cores}, which everything else uses, too): this shows that scaling is correct, not that it makes anything faster`
  return [
    ...scalings.map(({ second, service, from, to, says }) => `${service} scaled from ${from} to ${to} replicas at ${second} s: ${says}`),
    ...(most > machine.cores ? [crowded] : []),
  ]
}

export function again({ commandLine }: Pick<Summary, 'commandLine'>): string {
  return `## Run it again\n\n\`\`\`sh\n${commandLine}\n\`\`\``
}

export function provenance({ machine, versions, git, runId }: Pick<Summary, 'machine' | 'versions' | 'git' | 'runId'>): string {
  const software = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return `## Machine and versions\n\n${machine.cpuModel}, ${machine.cores} cores, ${mib(machine.memoryBytes)}, kernel ${machine.kernel}; ${machine.placement}. ${software.join(', ')}${git === undefined ? '' : `, commit ${git.commit}${git.dirty ? ' with changes' : ''}`}. Run ${runId}.`
}
