/**
 *  POST ──▶ Kafka `orders` (202) ──▶ Flink SQL: duplicates out by id ──┬─▶ PostgreSQL, orders, by key, the first one stays
 *                                                                      ├─▶ Kafka `totals`, compacted, by (hour, product, store, type) ─┐
 *                                                                      └─▶ Kafka `series`, compacted, by window ───────────────────────┤
 *                     /ws/dashboard ◀── PUBLISH ◀── Redis, at most ten times a second ◀── projector, in memory ◀───────────────────────┘
 *
 *  Accepted once every Kafka replica in sync has it; the events of a request are one record batch, so all or none. What Flink knows is in its
 *  checkpoints, with how far it has read; after a failure it goes back to one and says things again, and everybody who hears it minds:
 *  PostgreSQL keeps the row that is there, the projector the larger count of a cell.
 */
import type { Guarantee } from '../../architecture.ts'
import { defineArchitecture } from '../../define.ts'
import { seedOrders } from '../../postgres/seed-orders.ts'
import { createBackend } from './backend.ts'
import { expectations } from './expectations.ts'
import { startJob } from './job/job.ts'
import { createJudge } from './judge.ts'
import { knobs } from './knobs.ts'
import { IDS_REMEMBERED_HOURS } from './names.ts'
import { startProjector } from './projector.ts'
import { setUp } from './setup.ts'

/** The one thing that PostgreSQL's key forgives and a stream does not. */
const SAYS = `Every accepted event is stored exactly once, and counted exactly once unless its sender sends it again more than ${IDS_REMEMBERED_HOURS} h later: Flink remembers ids for so long.`

export const architecture = defineArchitecture({
  id: 'v3',
  title: 'Kafka and Flink, then PostgreSQL',
  flow: 'HTTP ─▶ Kafka (202) ─▶ Flink SQL (taskmanager) ─▶ PostgreSQL, and a compacted topic ─▶ projector ─▶ Redis ─▶ dashboard',
  knobs,
  guarantee: (): Guarantee => ({ level: 'effectively-once', says: SAYS, mayLose: false }),
  overlays: ({ brokers }) => (brokers === 3 ? ['kafka.three', 'v3.three'] : []),
  setup: setUp,
  api: async (context) => createBackend(context),
  roles: { job: startJob, projector: startProjector },
  seed: seedOrders,
  judge: createJudge,
  failpoints: ['api:after-publish', 'job:before-submit', 'job:after-submit', 'projector:after-read', 'projector:after-projection'],
  faults: expectations,
})
