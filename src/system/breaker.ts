/** What is to become of a call: it goes ahead, goes ahead as the one that tries, or is refused for so long. */
export type Admission = { kind: 'pass' } | { kind: 'probe' } | { kind: 'refused'; retryAfterMs: number }

/** `neutral`: it said nothing about what the breaker guards (the call itself was at fault, or never got there). */
export type Outcome = 'success' | 'failure' | 'neutral'

export type BreakerState = 'closed' | 'open' | 'half-open'

export interface Breaker {
  admit(nowMs: number): Admission
  /** To be told once for every call that was not refused. */
  settle(admission: Admission, outcome: Outcome, nowMs: number): void
  state(nowMs: number): BreakerState
  /** How long until it tries again; 0 when it is not open. */
  openForMs(nowMs: number): number
}

/** While one call tries, the others are asked to come back after this. */
const PROBE_WAIT_MS = 1_000

/**
 * A circuit breaker without a clock: `failures` in a row open it, after `openMs` one call at a time may try, and the first that succeeds
 * closes it. Calls that were under way when it opened change nothing any more.
 */
export function createBreaker({ failures, openMs }: { failures: number; openMs: number }): Breaker {
  let failed = 0
  /** Undefined: closed. */
  let openUntilMs: number | undefined
  let probing = false
  const isOpen = (nowMs: number) => openUntilMs !== undefined && nowMs < openUntilMs
  return {
    admit(nowMs) {
      if (openUntilMs === undefined) return { kind: 'pass' }
      if (nowMs < openUntilMs) return { kind: 'refused', retryAfterMs: openUntilMs - nowMs }
      if (probing) return { kind: 'refused', retryAfterMs: PROBE_WAIT_MS }
      probing = true
      return { kind: 'probe' }
    },
    settle(admission, outcome, nowMs) {
      if (admission.kind === 'probe') {
        probing = false
        if (outcome === 'success') {
          openUntilMs = undefined
          failed = 0
        } else if (outcome === 'failure') {
          openUntilMs = nowMs + openMs
        }
      } else if (admission.kind === 'pass' && openUntilMs === undefined) {
        if (outcome === 'success') failed = 0
        else if (outcome === 'failure' && ++failed >= failures) openUntilMs = nowMs + openMs
      }
    },
    state: (nowMs) => (openUntilMs === undefined ? 'closed' : isOpen(nowMs) ? 'open' : 'half-open'),
    openForMs: (nowMs) => (isOpen(nowMs) ? openUntilMs! - nowMs : 0),
  }
}
