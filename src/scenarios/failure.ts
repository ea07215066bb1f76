import type { Scenario } from './scenario.ts'
import { usual, usualCustomers } from './usual.ts'

/**
 * A moderate load, so that what is held back by a fault is caught up with in its time. The last phase goes on until every fault has had the time
 * that it may take.
 */
export const failure: Scenario = {
  ...usual,
  id: 'failure',
  title: 'Everything breaks, one after another',
  says: 'Steady load; the architecture’s whole list of faults, each once the system is healed from the one before, or those of --fault.\nWhat do clients see of each, what is lost, and how long until all is well? Takes 8 to 35 minutes without --fault.',
  baseRate: 100,
  phases: [
    { name: 'warmup', seconds: 8, shape: { kind: 'constant', rate: 1 }, warmup: true },
    { name: 'before', seconds: 12, shape: { kind: 'constant', rate: 1 }, warmup: false },
    { name: 'broken', seconds: 20, shape: { kind: 'constant', rate: 1 }, warmup: false },
  ],
  customers: usualCustomers,
  faultsFromSeconds: 20,
  settleSeconds: 120,
  expectations: [
    { metric: 'errorRate', phase: 'before', atMost: 0.001 },
    { metric: 'reach', atLeast: 0.99 },
  ],
}
