import { EXIT } from '../run/errors.ts'
import type { Verdict } from '../run/events.ts'
import type { BracketEnd, ProbeResult, Searched } from '../run/search.ts'
import type { Scenario, Search } from '../scenarios/scenario.ts'

/** Only a bracket whose ends are confirmed is an answer; everything else says how far it got, and why no further. */
export function judgeSearch(searched: Searched, probes: readonly ProbeResult[], search: Search): Verdict {
  const verdict = (outcome: Verdict['outcome'], exitCode: number, reasons: string[], remarks: string[] = []): Verdict => ({
    outcome, exitCode, reasons, ...(remarks.length > 0 && { remarks }), validity: [], expectations: [],
  })
  const answer = answerOf(searched)
  const gaveOut = searched.bottleneck === undefined ? [] : [`gave out first: ${searched.bottleneck.says}`]
  const last = probes.at(-1)
  switch (searched.why) {
    case 'found':
      return verdict('passed', EXIT.passed, [], [answer, ...gaveOut])
    case 'none-holds':
      return searched.fail === undefined
        ? verdict('invalid', EXIT.invalid, [`${answer}: ${last?.reasons[0] ?? ''}`])
        : verdict('failed', EXIT.expectation, [answer, ...(last?.reasons ?? [])], gaveOut)
    case 'data':
      return verdict('failed', EXIT.data, [`probe ${last?.probe} at ${rate(last?.rate)}: ${last?.reasons[0] ?? 'data is wrong'}`, ...(last?.reasons.slice(1) ?? []), answer])
    case 'disturbed':
      return verdict('invalid', EXIT.invalid, [`${rate(last?.rate)} could not be measured in ${search.attempts.disturbed} probes, the last time because of ${last?.reasons[0] ?? ''}`, answer])
    case 'not-measurable':
    case 'no-limit':
    case 'too-many-probes':
      return verdict('invalid', EXIT.invalid, [answer, ...(searched.why === 'not-measurable' ? lateness(searched, probes) : [])], gaveOut)
  }
}

/** The answer in one sentence. */
export function answerOf({ why, pass, fail, notMeasurable }: Searched): string {
  const held = pass === undefined ? 'no rate was seen to hold' : `holds ${rate(pass.rate)}${of(pass, 'passed')}`
  switch (why) {
    case 'found':
      return `${held}, fails at ${rate(fail?.rate)}${of(fail, 'failed')}`
    case 'not-measurable':
      return `beyond this machine: ${held}; at ${rate(notMeasurable)} the injector was late, so what the system could do there cannot be said${fail === undefined ? '' : `; at ${rate(fail.rate)} it certainly fails`}`
    case 'no-limit':
      return `no limit was found: ${held}, and nothing higher is tried`
    case 'none-holds':
      return fail === undefined ? `not even ${rate(notMeasurable)} could be measured` : `not even ${rate(fail.rate)} holds${of(fail, 'failed')}`
    case 'data':
    case 'disturbed':
    case 'too-many-probes':
      return `so far: ${held}${fail === undefined ? ', no rate was seen to fail' : `, fails at ${rate(fail.rate)}${of(fail, 'failed')}`}${why === 'too-many-probes' ? '; all its probes were used up before both ends were confirmed' : ''}`
  }
}

/** What a scenario demands of the p99 of orders. */
export function p99LimitOf({ expectations }: Pick<Scenario, 'expectations'>): number | undefined {
  return expectations.find(({ metric }) => metric === 'p99Ms')?.atMost
}

/** What made the injector late, as it was said of the last probe that was. */
function lateness({ notMeasurable }: Searched, probes: readonly ProbeResult[]): string[] {
  const late = probes.findLast((probe) => probe.rate === notMeasurable && probe.outcome === 'late')
  return late === undefined ? [] : [`at ${rate(late.rate)}: ${late.reasons.join('; ')}`]
}

function of(end: BracketEnd | undefined, which: 'passed' | 'failed'): string {
  return end === undefined ? '' : ` (${end[which]} of ${end.passed + end.failed} probes ${which})`
}

/** `3,084/s`, `62.5/s` */
export function rate(value: number | undefined): string {
  return value === undefined ? 'an unknown rate' : `${value >= 100 ? Math.round(value).toLocaleString('en-US') : Number(value.toPrecision(3))}/s`
}
