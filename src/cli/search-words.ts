import { rate } from '../reports/searched.ts'
import type { ProbeOutcome, ProbeResult } from '../run/search.ts'
import type { SearchState } from '../run/state.ts'

/** `holds 2,828/s, not 5,657/s` */
export function bracketText(search: SearchState | undefined): string {
  const { pass, border } = search?.bracket ?? {}
  if (pass === undefined && border === undefined) return 'nothing known yet'
  return [pass === undefined ? 'holds nothing yet' : `holds ${rate(pass)}`, ...(border === undefined ? [] : [`not ${rate(border)}`])].join(', ')
}

/** `about 12 min` */
export function minutes(seconds: number): string {
  return seconds < 90 ? `about ${Math.max(1, Math.round(seconds / 10) * 10)} s` : `about ${Math.round(seconds / 60)} min`
}

/** How many probes became what: `9 passed, 4 failed, 1 could not be believed`. */
export function tally(probes: readonly ProbeResult[]): string {
  const of = (...outcomes: ProbeOutcome[]) => probes.filter(({ outcome }) => outcomes.includes(outcome)).length
  const [passed, failed, unsure, data] = [of('passed'), of('failed'), of('late', 'disturbed'), of('data')]
  return [`${passed} passed`, `${failed} failed`, ...(unsure > 0 ? [`${unsure} could not be believed`] : []), ...(data > 0 ? [`${data} with wrong data`] : [])].join(', ')
}
