/**
 *  POST + API key ──▶ RabbitMQ, the queue of the workspace's shard (202) ──▶ worker, batched ──▶ idempotency key in Redis
 *       ──▶ INSERT + totals, one transaction ──▶ ack           poison ──▶ orders.dead
 *  rollup, now and then ──▶ event_aggregations by hour         GET /analytics (JWT) ◀── rollups + what is not in them yet
 *
 *  Many tenants, and nothing of one is ever seen or counted with another. Accepted once RabbitMQ has confirmed it, acknowledged once it is
 *  stored; stored once by the key of its workspace, however often it is delivered.
 */
import type { Guarantee } from '../../architecture.ts'
import { defineArchitecture } from '../../define.ts'
import { createBackend } from './backend.ts'
import { openDeadLetters } from './dead-letters.ts'
import { expectations } from './expectations.ts'
import { createJudge } from './judge.ts'
import { knobs } from './knobs.ts'
import { startRollup } from './read/rollup.ts'
import { seedOrders } from './seed.ts'
import { setUp } from './setup.ts'
import { operatorHeaders, tenantsAsCallers } from './tenancy/callers.ts'
import { createTrespasser } from './trespass/trespasser.ts'
import { startWorker } from './work/worker.ts'

export const architecture = defineArchitecture({
  id: 'v4',
  title: 'Many tenants: RabbitMQ, then PostgreSQL',
  flow: 'HTTP + API key ─▶ RabbitMQ by shard (202) ─▶ workers ─▶ Redis idempotency ─▶ PostgreSQL ─▶ hourly rollup ─▶ dashboard',
  knobs,
  guarantee: (): Guarantee => ({ level: 'effectively-once', says: 'Every accepted event is stored and counted exactly once, in the workspace of who sent it.', mayLose: false }),
  setup: setUp,
  api: createBackend,
  roles: { worker: startWorker, rollup: startRollup },
  seed: seedOrders,
  callers: tenantsAsCallers,
  onlooker: operatorHeaders,
  trespasser: createTrespasser,
  judge: createJudge,
  deadLetters: openDeadLetters,
  failpoints: [
    'api:after-publish',
    'worker:after-receive', 'worker:after-claim', 'worker:before-commit', 'worker:after-commit', 'worker:after-ack', 'worker:after-dead-letter', 'worker:after-projection',
    'rollup:before-commit', 'rollup:after-commit',
  ],
  faults: expectations,
})
