import type { Scenario } from './scenario.ts'
import { usual, usualCustomers } from './usual.ts'

export const baseline: Scenario = {
  ...usual,
  id: 'baseline',
  title: 'Constant load, then saturation',
  says: 'Warm-up, constant load in an open loop, then a closed loop that takes all it gets.\nWhat does an ordinary day look like, and where is the ceiling of the accept path?',
  baseRate: 500,
  phases: [
    { name: 'warmup', seconds: 10, shape: { kind: 'constant', rate: 1 }, warmup: true },
    { name: 'constant', seconds: 30, shape: { kind: 'constant', rate: 1 }, warmup: false },
    { name: 'saturation', seconds: 10, shape: { kind: 'saturation', connections: 50 }, warmup: false },
  ],
  customers: usualCustomers,
  settleSeconds: 120,
  expectations: [
    { metric: 'errorRate', phase: 'constant', atMost: 0.001 },
    { metric: 'p99Ms', phase: 'constant', atMost: 250 },
    { metric: 'reach', atLeast: 0.99 },
  ],
}
