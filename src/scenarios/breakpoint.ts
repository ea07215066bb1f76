import type { Scenario } from './scenario.ts'
import { usual } from './usual.ts'

/**
 * One probe of the search: a rise that a cold process survives, then the rate as it is, held. All are single orders, so that the rate is in orders per
 * second. What cannot be stored as fast as it is accepted must have time to drain, or it could not be accounted for.
 */
export const breakpoint: Scenario = {
  ...usual,
  id: 'breakpoint',
  title: 'The highest rate that holds',
  says: 'Searches for the highest rate held for 30 s with p99 ≤ 100 ms, errors < 0.1 %, and a backlog that does not grow: doubled, bisected to 5 %, confirmed three times.\nEvery probe has a fresh system. Where is the limit, and what gives out first? Takes 10 to 20 minutes.',
  baseRate: 1_000,
  phases: [
    { name: 'rise', seconds: 4, shape: { kind: 'ramp', from: 0.1, to: 1 }, warmup: true },
    { name: 'warmup', seconds: 4, shape: { kind: 'constant', rate: 1 }, warmup: true },
    { name: 'hold', seconds: 30, shape: { kind: 'constant', rate: 1 }, warmup: false },
  ],
  customers: { commuter: 1 },
  search: { lowestRate: 1, highestRate: 64_000, tolerance: 0.05, confirmations: 3, attempts: { late: 2, disturbed: 3 }, probes: 40 },
  settleSeconds: 180,
  expectations: [
    { metric: 'p99Ms', phase: 'hold', atMost: 100 },
    { metric: 'errorRate', phase: 'hold', atMost: 0.001 },
    { metric: 'backlogGrowth', phase: 'hold', atMost: 0.01 },
    { metric: 'drainSeconds', atMost: 15 },
  ],
}
