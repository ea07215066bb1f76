import type { Machine } from '../../run/events.ts'
import { int, mib, ms, num } from '../numbers.ts'
import { table } from '../table.ts'
import { MIN_EVENTS_FOR_BYTES } from '../compare/metrics.ts'
import { seenPerSecond, type Cell } from './cell.ts'
import { costOf, type Cost } from './cost.ts'
import type { Prices } from './prices.ts'
import { judgeTiers, TIERS } from './targets.ts'

export interface Matrix {
  cells: readonly Cell[]
  /** Asked for, and not run to its end. */
  missing: readonly { architecture: string; scenario: string; why: string }[]
  machine: Machine
  prices: Prices
}

const VOLUMES = [1e6, 100e6, 1e9]
const VOLUME_NAMES = ['1 M a day', '100 M a day', '1 B a day']

/** `matrix.md`: architectures side by side. */
export function matrixText(matrix: Matrix): string {
  return [
    '# Architectures side by side',
    `${matrix.machine.cpuModel}, ${matrix.machine.cores} cores, ${mib(matrix.machine.memoryBytes)}; ${matrix.machine.placement}. Every figure is of this machine, and carries the run it is from.`,
    overview(matrix),
    scenarios(matrix),
    faults(matrix),
    costs(matrix),
    tiers(matrix),
    missing(matrix),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
    .concat('\n')
}

export function architecturesOf({ cells }: Pick<Matrix, 'cells'>): [string, Cell[]][] {
  return [...Map.groupBy(cells, ({ architecture }) => architecture)]
}

/** The figures that costs are made of; absent where no run has them. */
export function costsOf(cells: readonly Cell[], prices: Prices): Cost[] | undefined {
  const believed = cells.filter((cell) => cell.believed !== 'nothing')
  const cheapest = believed.filter(({ cpuSecondsPerMillion }) => cpuSecondsPerMillion !== undefined).sort((a, b) => a.cpuSecondsPerMillion! - b.cpuSecondsPerMillion!)[0]
  if (cheapest === undefined) return undefined
  const bytes = believed.flatMap(({ bytesPerEvent }) => bytesPerEvent ?? [])
  const measured = { cpuSecondsPerMillion: cheapest.cpuSecondsPerMillion!, memoryBytes: Math.max(...believed.map(({ memoryBytes }) => memoryBytes)), ...(bytes.length > 0 && { bytesPerEvent: Math.min(...bytes) }), seenPerSecond: seenPerSecond(believed) }
  return VOLUMES.map((perDay) => costOf(perDay, measured, prices))
}

function overview(matrix: Matrix): string {
  const rows = architecturesOf(matrix).map(([architecture, cells]) => {
    const saturated = cells.find(({ saturationPerSecond }) => saturationPerSecond !== undefined)
    const cpu = cells.flatMap(({ cpuSecondsPerMillion }) => cpuSecondsPerMillion ?? [])
    const bytes = cells.flatMap(({ bytesPerEvent }) => bytesPerEvent ?? [])
    const services = [...new Set(cells.flatMap((cell) => cell.services))].sort()
    const searched = cells.find(({ capacity }) => capacity !== undefined)?.capacity
    return [
      architecture,
      cells[0]!.guarantee,
      searched === undefined ? '–' : `${searched.pass === undefined ? 'none seen' : int(searched.pass)}${searched.fail === undefined ? '' : `, not ${int(searched.fail)}`}`,
      saturated?.saturationPerSecond === undefined ? '–' : int(saturated.saturationPerSecond),
      int(Math.max(...cells.map(({ peakAcceptedPerSecond }) => peakAcceptedPerSecond))),
      range(cpu),
      range(bytes.map((value) => (value * 1e6) / 2 ** 20)),
      `${services.length}: ${services.join(', ')}`,
      mib(Math.max(...cells.map(({ memoryBytes }) => memoryBytes))),
    ]
  })
  return `## Overview\n\n${table(['architecture', 'guarantee', 'holds, events/s', 'saturation, events/s', 'highest second, events/s', 'CPU-seconds per million', 'MiB on disk per million', 'moving parts', 'memory at most'], rows, 2)}\n\nRanges are over the scenarios. Bytes on disk include what an empty store takes, and are given for runs of at least ${int(MIN_EVENTS_FOR_BYTES)} events.`
}

function range(values: readonly number[]): string {
  if (values.length === 0) return '–'
  const [low, high] = [Math.min(...values), Math.max(...values)].map(num)
  return low === high ? low! : `${low} – ${high}`
}

function scenarios(matrix: Matrix): string {
  const rows = matrix.cells.map(({ architecture, scenario, outcome, latencyMs, readLatencyMs, freshnessMs, lost, lostExcused, accepted, drainSeconds, runId, reason }) => [
    architecture,
    scenario,
    outcome === 'passed' ? 'passed' : `**${outcome}**: ${reason ?? ''}`,
    latencyMs === undefined ? '–' : `${ms(latencyMs.p50)} / ${ms(latencyMs.p99)}`,
    readLatencyMs === undefined || readLatencyMs.count === 0 ? '–' : ms(readLatencyMs.p95),
    freshnessMs === undefined || freshnessMs.count === 0 ? '–' : `${ms(freshnessMs.p50)} / ${ms(freshnessMs.p99)}`,
    `${int(lost)} of ${int(accepted)}${lost > 0 && lostExcused === lost ? ' (allowed)' : ''}`,
    drainSeconds === undefined ? '–' : drainSeconds.toFixed(1),
    `\`${runId}\``,
  ])
  return `## By scenario\n\n${table(['architecture', 'scenario', 'verdict', 'orders p50 / p99', 'reads p95', 'visible p50 / p99', 'lost', 'drained after s', 'run'], rows, 9)}`
}

function faults({ cells }: Matrix): string {
  const rows = cells.flatMap(({ architecture, scenario, faults: those, lost }) =>
    those.map(({ fault, recoveredAfterSeconds, met }) => [architecture, scenario, fault, recoveredAfterSeconds === undefined ? 'not seen' : `${recoveredAfterSeconds} s`, met === true ? 'yes' : met === false ? '**no**' : 'not judged', int(lost)]),
  )
  return rows.length === 0 ? '' : `## Faults\n\n${table(['architecture', 'scenario', 'fault', 'recovered after', 'as it says', 'lost in that run'], rows, 6)}`
}

function costs({ cells, prices }: Matrix): string {
  const rows = architecturesOf({ cells }).flatMap(([architecture, those]) => {
    const found = costsOf(those, prices)
    return found === undefined ? [] : [[architecture, ...found.map(({ perMonth, perMillion, beyondMeasured }) => `${money(perMonth)} (${money(perMillion)} per million)${beyondMeasured > 1 ? `, extrapolated ${num(beyondMeasured)} ×` : ''}`)]]
  })
  if (rows.length === 0) return ''
  const isDiskKnown = cells.some(({ bytesPerEvent }) => bytesPerEvent !== undefined)
  const { utilisation, peakFactor, retentionDays } = prices.assumed
  return `## Cost per month, ${prices.currency}\n\n${table(['architecture', ...VOLUME_NAMES], rows, 1)}\n\nExtrapolated from the cheapest run that can be believed, with ${prices.name} (${prices.source}): a core ${prices.cpuHour}/h, a GiB of memory ${prices.gibMemoryHour}/h, a GiB of disk ${prices.gibStorageMonth} a month. Assumed: the busiest hour has ${peakFactor} times the mean rate, ${utilisation * 100} % of the cores are used in it, events are kept for ${retentionDays} days, and CPU time and bytes per event stay as measured. "Extrapolated n ×": that busiest hour is n times what was ever seen here; whether the architecture can be scaled there at all was not tried.${isDiskKnown ? '' : ' Disk is in none of it: no run was large enough to tell its bytes.'} Replicas for availability, traffic and people are in none of it.`
}

function money(value: number): string {
  return value >= 100 ? int(value) : value >= 0.01 ? value.toFixed(2) : value.toPrecision(2)
}

function tiers(matrix: Matrix): string {
  const rows = architecturesOf(matrix).flatMap(([architecture, cells]) => judgeTiers(cells).map(({ tier, ingest, query, lag }) => [architecture, tier, ingest, query, lag]))
  const says = TIERS.map(({ name, ingestPerSecond, queryP95Ms, lagMs }) => `${name}: ${int(ingestPerSecond)} events/s, queries p95 ${queryP95Ms} ms, visible within ${lagMs / 1_000} s (p99)`)
  return `## Targets\n\n${table(['architecture', 'tier', 'ingest', 'queries', 'lag'], rows, 5)}\n\n${says.join('; ')}. Queries and lag: the worst scenario; "not measured" where the tier's rate was not reached, nothing was read, or the injector was late. "Beyond this machine": all its cores were busy before the rate was reached.`
}

function missing({ missing: those }: Matrix): string {
  return those.length === 0 ? '' : `## Missing\n\n${those.map(({ architecture, scenario, why }) => `- ${scenario} on ${architecture}: ${why}`).join('\n')}`
}
