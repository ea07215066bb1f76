import type { ScaleSize } from '../../scenarios/scale/step.ts'
import { int } from '../numbers.ts'
import { table } from '../table.ts'
import { CLAIMS, type Claim, type Measured } from './claims.ts'
import type { Results } from './result.ts'

export type ClaimVerdict = 'holds' | 'holds not' | 'cannot be tried here' | 'not measured'

export interface JudgedClaim {
  claim: Claim
  verdict: ClaimVerdict
  why: string
  measured?: Measured
}

export function judgeClaim(claim: Claim, results: Results, size: ScaleSize): JudgedClaim {
  const measured = claim.measure(results, size)
  if (measured === undefined) {
    const missing = claim.steps(size).filter((step) => results.of(step).length === 0)
    const why = missing.length === 0 ? 'its runs do not tell it, or cannot be believed' : missing.map((step) => `${step}: ${results.why(step)}`).join('; ')
    return { claim, verdict: 'not measured', why }
  }
  const { value, below, atLeast = false } = measured
  const { from, to } = claim
  if (from !== undefined && value < from) {
    if (below !== undefined && below > from) return { claim, measured, verdict: 'cannot be tried here', why: `the limit is between ${int(value)} and ${int(below)}, and nothing between was tried` }
    if (atLeast) return { claim, measured, verdict: 'cannot be tried here', why: 'nothing larger was tried' }
    return claim.belowSaysNothing === undefined ? { claim, measured, verdict: 'holds not', why: 'less' } : { claim, measured, verdict: 'cannot be tried here', why: `less, but ${claim.belowSaysNothing}` }
  }
  if (to !== undefined && value > to) return { claim, measured, verdict: 'holds not', why: 'more' }
  if (to !== undefined && below !== undefined && below > to) return { claim, measured, verdict: 'cannot be tried here', why: `the limit is between ${int(value)} and ${int(below)}, and nothing between was tried` }
  if (to !== undefined && from !== undefined && atLeast) return { claim, measured, verdict: 'cannot be tried here', why: 'nothing larger was tried, so its upper end is open' }
  return { claim, measured, verdict: 'holds', why: '' }
}

/** 6: one row for each claim. */
export function claimSection(results: Results, size: ScaleSize): string {
  const judged = CLAIMS.map((claim) => judgeClaim(claim, results, size))
  const rows = judged.map(({ claim, verdict, why, measured }) => [
    claim.says,
    claim.tried,
    measured?.says ?? '–',
    `**${verdict}**${why === '' ? '' : `: ${why}`}`,
    measured === undefined ? '–' : [...new Set(measured.runIds)].map((id) => `\`${id}\``).join(', '),
  ])
  return ['## 6. Claims against measurements', '"About n" holds from half to twice as much. Rates are of the whole path from HTTP to the store or broker, with the sender on the same machine.', table(['claim', 'tried as', 'measured', 'verdict', 'runs'], rows, 9)].join('\n\n')
}
