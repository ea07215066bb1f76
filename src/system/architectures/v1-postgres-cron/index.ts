/**
 *  POST ──▶ INSERT, COMMIT (201) ──▶ cron aggregator ──▶ totals ──▶ Redis ──▶ PUBLISH ──▶ /ws/dashboard
 *
 *  The boring stack. Accepted once PostgreSQL has committed it, stored once by its key; the dashboard is what the
 *  aggregator made of the table the last time it ran.
 */
import type { Guarantee } from '../../architecture.ts'
import { defineArchitecture } from '../../define.ts'
import { startAggregator } from './aggregator.ts'
import { createBackend } from './backend.ts'
import { createJudge } from './judge.ts'
import { knobs } from './knobs.ts'
import { createSchema } from './setup.ts'

export const architecture = defineArchitecture({
  id: 'v1',
  title: 'PostgreSQL, a cron aggregator, Redis',
  flow: 'HTTP ─▶ PostgreSQL (commit, then 201) ─▶ cron aggregator ─▶ Redis ─▶ dashboard',
  knobs,
  guarantee: (): Guarantee => ({ level: 'effectively-once', says: 'Every accepted event is stored and counted exactly once.', mayLose: false }),
  setup: createSchema,
  api: async (context) => createBackend(context),
  roles: { aggregator: startAggregator },
  judge: createJudge,
  failpoints: [],
  faults: [],
})
