import type { Scenario } from './scenario.ts'

/** What a scenario has where it needs nothing else, one of one's own as well. */
export const usual = {
  subscribers: 20,
  connections: 256,
  timeoutMs: 10_000,
  retries: 0,
  faults: [],
  trespass: false,
  settleSeconds: 60,
} satisfies Partial<Scenario>

/** Nearly all send one order at a time; some offices, some who look. */
export const usualCustomers = { commuter: 0.97, office: 0.01, browser: 0.02 } satisfies Scenario['customers']
