import type { Scenario } from './scenario.ts'
import { usual, usualCustomers } from './usual.ts'

export const spike: Scenario = {
  ...usual,
  id: 'spike',
  title: 'A spike to ten times the base load',
  says: 'Base load, a steep ramp to 10×, hold, and back.\nDoes the system accept the spike, and how long until latency and backlog are what they were?',
  baseRate: 500,
  phases: [
    { name: 'warmup', seconds: 8, shape: { kind: 'constant', rate: 1 }, warmup: true },
    { name: 'base', seconds: 12, shape: { kind: 'constant', rate: 1 }, warmup: false },
    { name: 'rise', seconds: 5, shape: { kind: 'ramp', from: 1, to: 10 }, warmup: false },
    { name: 'hold', seconds: 15, shape: { kind: 'constant', rate: 10 }, warmup: false },
    { name: 'fall', seconds: 5, shape: { kind: 'ramp', from: 10, to: 1 }, warmup: false },
    { name: 'after', seconds: 12, shape: { kind: 'constant', rate: 1 }, warmup: false },
  ],
  customers: usualCustomers,
  spike: { base: 'base', hold: 'hold' },
  expectations: [
    { metric: 'errorRate', atMost: 0.001 },
    { metric: 'p99Ms', atMost: 1_000 },
    { metric: 'drainSeconds', atMost: 30 },
    { metric: 'reach', atLeast: 0.99 },
  ],
}
