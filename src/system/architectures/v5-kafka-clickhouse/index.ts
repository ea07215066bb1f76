/**
 *  POST ──▶ Kafka, partition by id (202) ──▶ consumer group ──▶ cut, insert with a token ──▶ ClickHouse: orders, totals by hour ──▶ commit
 *                                                └──▶ what is not there yet, cut by the same offsets ──▶ Redis ──▶ PUBLISH
 *  GET, /ws/dashboard ◀── totals of ClickHouse + what Redis has beyond the offset they have reached in each partition
 *
 *  Accepted once Kafka has it on all replicas in sync. All copies of an id meet in one partition, and its consumer leaves out those that it or
 *  ClickHouse has. A cut is written down before it is inserted, so that whoever comes after repeats exactly that cut: it is stored and counted
 *  once however often it is sent. The API adds both layers up without a seam: no event in both, none in neither.
 */
import type { Guarantee } from '../../architecture.ts'
import { defineArchitecture } from '../../define.ts'
import { createBackend } from './backend.ts'
import { startConsumer } from './consume/consumer.ts'
import { expectations } from './expectations.ts'
import { createJudge } from './judge.ts'
import { knobs } from './knobs.ts'
import { seedOrders } from './seed.ts'
import { setUp } from './setup.ts'

export const architecture = defineArchitecture({
  id: 'v5',
  title: 'Kafka, then ClickHouse and Redis',
  flow: 'HTTP ─▶ Kafka by id (202) ─▶ consumer group ─▶ ClickHouse + Redis for what is not there yet ─▶ both merged ─▶ dashboard',
  knobs,
  overlays: ({ brokers }) => (brokers === 3 ? ['kafka.three', 'v5.three'] : []),
  guarantee: (): Guarantee => ({
    level: 'effectively-once',
    says: 'Every accepted event is stored and counted exactly once. Neither Kafka nor ClickHouse waits for the disk: a power failure (not a crash of theirs) may take the last seconds.',
    mayLose: false,
  }),
  setup: setUp,
  api: createBackend,
  roles: { consumer: startConsumer },
  seed: seedOrders,
  judge: createJudge,
  failpoints: [
    'api:after-publish', 'api:before-commit',
    'consumer:after-read', 'consumer:after-bucket', 'consumer:after-cut', 'consumer:after-insert', 'consumer:after-commit',
  ],
  faults: expectations,
})
