import type { Scenario, ScenarioPhase } from './scenario.ts'
import { usual } from './usual.ts'

/** Orders of single customers go on at rate 1; beside them so many reads for each: one question to four looks at the dashboard. */
function reading(name: string, seconds: number, readsPerOrder: number, warmup = false): ScenarioPhase {
  return {
    name,
    seconds,
    shape: { kind: 'constant', rate: 1 + readsPerOrder },
    customers: { commuter: 1, browser: 0.8 * readsPerOrder, analyst: 0.2 * readsPerOrder },
    warmup,
  }
}

export const analytics: Scenario = {
  ...usual,
  id: 'analytics',
  title: 'Reads at rising rates beside constant writes',
  says: 'Orders at the base rate all along; dashboard and analytics reads at a quarter of it, then half, as many, twice as many.\nWhat do reads cost the database and those who write, and what does a cache save? Try it with --history 10M.',
  baseRate: 200,
  phases: [
    reading('warmup', 8, 0.25, true),
    reading('quarter', 10, 0.25),
    reading('half', 10, 0.5),
    reading('equal', 10, 1),
    reading('double', 10, 2),
  ],
  customers: { commuter: 1, browser: 0.2, analyst: 0.05 },
  expectations: [
    { metric: 'errorRate', atMost: 0.001 },
    { metric: 'readErrorRate', atMost: 0.001 },
    { metric: 'p99Ms', atMost: 500 },
    { metric: 'readP99Ms', atMost: 2_000 },
    { metric: 'reach', atLeast: 0.99 },
  ],
}
