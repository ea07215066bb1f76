/**
 * The search for the highest rate that holds: double until one fails, bisect, confirm both ends. Pure: what was tried goes in, what to try next comes out.
 *
 *   500 ● ─▶ 1000 ● ─▶ 2000 ● ─▶ 4000 ✖ ─▶ 2828 ● ─▶ 3364 ✖ ─▶ … ─▶ [3084 ●●●, 3221 ✖✖✖]
 *
 * A rate stands as most of its probes say; a tie is probed again. The border above is the lowest rate that fails, whatever passed beyond it, so that a
 * lucky probe cannot raise the answer; an unlucky one is found when the ends are confirmed, and the search goes on from there. A probe that cannot be
 * believed is neither; a rate at which the injector is late again and again is a border of what can be measured here, and not of the system.
 */
import type { ProbeOutcome, Purpose, SearchEnd } from '../run/search.ts'

export interface SearchOptions {
  firstRate: number
  /** Lowest and highest rate that is tried. */
  lowestRate: number
  highestRate: number
  /** Width of the bracket, as a share of its lower end, at which it is narrow enough. */
  tolerance: number
  /** Probes that must agree at each end. */
  confirmations: number
  /** Probes of one rate that cannot be believed before it counts as not measurable. */
  attempts: { late: number; disturbed: number }
  /** All probes together at the most. */
  probes: number
}

export interface Tried {
  rate: number
  outcome: ProbeOutcome
}

export type Step = { do: 'probe'; rate: number; purpose: Purpose } | ({ do: 'end' } & SearchEnd)

/** How one rate did. `open`: as many probes passed as failed. */
interface Standing {
  rate: number
  passed: number
  failed: number
  verdict: 'holds' | 'fails' | 'open' | 'not-measurable' | 'unknown'
}

export function nextStep(tried: readonly Tried[], options: SearchOptions): Step {
  const last = tried.at(-1)
  if (last === undefined) return probe(options.firstRate, 'first', options)
  const standings = standingsOf(tried, options)
  const { pass, border } = bracketIn(standings)
  const end = (why: SearchEnd['why']): Step => ({
    do: 'end',
    why,
    ...(pass && { pass: endOf(pass) }),
    ...(border?.verdict === 'fails' && { fail: endOf(border) }),
    ...(border?.verdict === 'not-measurable' && { notMeasurable: border.rate, ...failAbove(standings, border.rate) }),
  })
  if (last.outcome === 'data') return end('data')
  if (last.outcome === 'disturbed' && invalidTries(tried, last.rate) >= options.attempts.disturbed) return end('disturbed')
  const sought = seek(standings, last, { pass, border }, options)
  if (sought === undefined) return end(border === undefined ? 'no-limit' : pass === undefined ? 'none-holds' : border.verdict === 'fails' ? 'found' : 'not-measurable')
  return tried.length >= options.probes ? end('too-many-probes') : sought
}

type Bracket = Partial<Record<'pass' | 'border', Standing>>

/** What to probe next; `undefined` when there is nothing left to find out. */
function seek(standings: readonly Standing[], last: Tried, { pass, border }: Bracket, options: SearchOptions): Step | undefined {
  const lastStanding = standings.find(({ rate }) => rate === last.rate)!
  const isInvalid = last.outcome === 'late' || last.outcome === 'disturbed'
  if (isInvalid && lastStanding.verdict !== 'not-measurable') return probe(last.rate, 'repeat', options)
  const tie = standings.find(({ rate, verdict }) => verdict === 'open' && rate < (border?.rate ?? Infinity))
  if (tie !== undefined) return probe(tie.rate, 'repeat', options)
  if (border === undefined && pass!.rate < options.highestRate) return probe(pass!.rate * 2, 'double', options)
  if (pass === undefined && border!.rate > options.lowestRate) return probe(border!.rate / 2, 'halve', options)
  if (pass && border && border.rate > pass.rate * (1 + options.tolerance)) return probe(Math.sqrt(pass.rate * border.rate), 'bisect', options)
  const unsure = [pass, border].find((one) => one && one.verdict !== 'not-measurable' && Math.max(one.passed, one.failed) < options.confirmations)
  return unsure && probe(unsure.rate, 'confirm', options)
}

/** Four significant digits are finer than any bracket, and can be read. */
function probe(rate: number, purpose: Purpose, { lowestRate, highestRate }: SearchOptions): Step {
  return { do: 'probe', rate: Number(Math.min(highestRate, Math.max(lowestRate, rate)).toPrecision(4)), purpose }
}

function standingsOf(tried: readonly Tried[], { attempts }: SearchOptions): Standing[] {
  const rates = [...new Set(tried.map(({ rate }) => rate))].sort((a, b) => a - b)
  return rates.map((rate) => {
    const [passed, failed, late] = (['passed', 'failed', 'late'] as const).map((outcome) => count(tried, rate, outcome)) as [number, number, number]
    const isHopeless = late >= attempts.late || invalidTries(tried, rate) >= attempts.disturbed
    const verdict = isHopeless ? 'not-measurable' : passed > failed ? 'holds' : failed > passed ? 'fails' : passed > 0 ? 'open' : 'unknown'
    return { rate, passed, failed, verdict }
  })
}

function count(tried: readonly Tried[], rate: number, outcome: ProbeOutcome): number {
  return tried.filter((one) => one.rate === rate && one.outcome === outcome).length
}

function invalidTries(tried: readonly Tried[], rate: number): number {
  return count(tried, rate, 'late') + count(tried, rate, 'disturbed')
}

function bracketIn(standings: readonly Standing[]): Bracket {
  const border = standings.find(({ verdict }) => verdict === 'fails' || verdict === 'not-measurable')
  const pass = standings.findLast(({ rate, verdict }) => verdict === 'holds' && rate < (border?.rate ?? Infinity))
  return { pass, border }
}

function endOf({ rate, passed, failed }: Standing): NonNullable<SearchEnd['pass']> {
  return { rate, passed, failed }
}

function failAbove(standings: readonly Standing[], rate: number): Pick<SearchEnd, 'fail'> {
  const fail = standings.find((one) => one.rate > rate && one.verdict === 'fails')
  return fail === undefined ? {} : { fail: endOf(fail) }
}

/** Highest rate that holds so far, lowest that does not. */
export function bracketOf(tried: readonly Tried[], options: SearchOptions): { pass?: number; border?: number } {
  const { pass, border } = bracketIn(standingsOf(tried, options))
  return { pass: pass?.rate, border: border?.rate }
}

/** Doublings that are reckoned with before anything is known. */
const LIKELY_DOUBLINGS = 3

/** About how many probes are still to come, if each says what is likely. */
export function probesLeft(tried: readonly Tried[], options: SearchOptions): number {
  const standings = standingsOf(tried, options)
  const { pass, border } = bracketIn(standings)
  const bisections = (ratio: number) => Math.max(0, Math.ceil(Math.log2(Math.log(ratio) / Math.log(1 + options.tolerance))))
  const missing = (end: Standing | undefined) => Math.max(0, options.confirmations - (end === undefined ? 1 : Math.max(end.passed, end.failed)))
  if (pass && border && border.rate <= pass.rate * (1 + options.tolerance)) return missing(pass) + (border.verdict === 'fails' ? missing(border) : 0)
  const confirming = 2 * (options.confirmations - 1)
  if (pass && border) return bisections(border.rate / pass.rate) + confirming
  return (tried.length === 0 ? 1 + LIKELY_DOUBLINGS : 1) + bisections(2) + confirming
}
