import type { Scenario } from './scenario.ts'
import { usual } from './usual.ts'

/**
 * Calm, noisy, calm: what drifts evenly over the load is the same in both kinds of phases and cancels in their ratio. What is broken is broken
 * after that, so that it has no part in it.
 */
export const tenants: Scenario = {
  ...usual,
  id: 'tenants',
  title: 'Many tenants, one of them noisy, and somebody who tries the borders',
  says: 'One tenant sends four fifths of an unchanged total; then worker, Redis and PostgreSQL are broken. All along, one tries to reach what is another’s.\nDo the others notice their noisy neighbour, and does every border hold, even while things break?',
  baseRate: 200,
  phases: [
    { name: 'warmup', seconds: 8, shape: { kind: 'constant', rate: 1 }, warmup: true },
    { name: 'calm', seconds: 12, shape: { kind: 'constant', rate: 1 }, warmup: false },
    { name: 'noisy', seconds: 24, shape: { kind: 'constant', rate: 1 }, noisyShare: 0.8, warmup: false },
    { name: 'calm-again', seconds: 12, shape: { kind: 'constant', rate: 1 }, warmup: false },
    { name: 'broken', seconds: 30, shape: { kind: 'constant', rate: 1 }, noisyShare: 0.8, warmup: false },
  ],
  customers: { commuter: 0.93, office: 0.01, browser: 0.05, analyst: 0.01 },
  faults: [
    { fault: 'kill', service: 'worker', replica: 1, atSeconds: 60, added: false },
    { fault: 'pause', service: 'redis', replica: 1, atSeconds: 68, forSeconds: 3, added: false },
    { fault: 'pause', service: 'postgres', replica: 1, atSeconds: 77, forSeconds: 3, added: false },
  ],
  trespass: true,
  expectations: [
    { metric: 'errorRate', phase: 'calm', atMost: 0.001 },
    { metric: 'errorRate', phase: 'noisy', atMost: 0.001 },
    // The p99 of the thousand orders that the others send meanwhile is known to some 30 %: a bound of 1.2 needs several runs.
    { metric: 'othersP99Ratio', atMost: 1.5 },
    { metric: 'reach', atLeast: 0.99 },
  ],
}
