/**
 *  POST ──▶ XADD orders (202) ──▶ worker, batched ──▶ INSERT … ON CONFLICT + totals, one transaction ──▶ XACK + XDEL
 *                                                          └──▶ projection in Redis ──▶ PUBLISH ──▶ /ws/dashboard
 *
 *  Orders that arrive together share a stream entry, one that comes alone goes alone; backlog and `maxlen` count events all the same.
 *  Accepted once Redis has it (append-only file, `fsync`); delivered again until stored; stored and counted once, as the
 *  count is taken from the rows that the same transaction inserted. What Redis shows is a copy of PostgreSQL's totals.
 */
import { z } from 'zod'
import type { Guarantee } from '../../architecture.ts'
import { defineArchitecture } from '../../define.ts'
import { withNetwork } from '../../fault-list.ts'
import { seedOrders } from '../../postgres/seed-orders.ts'
import { createBackend } from './backend.ts'
import { createJudge } from './judge.ts'
import { createSchema } from './setup.ts'
import { startWorker } from './worker.ts'

const knobs = z.object({
  batch: z.int().min(1).max(10_000).default(1_000).describe('Events a worker stores in one transaction, at most.'),
  flush: z.int().min(0).max(1_000).default(10).describe('How long a worker waits for a batch to fill, ms.'),
  consumers: z.int().min(1).max(16).default(1).describe('Worker replicas.'),
  fsync: z.enum(['no', 'everysec', 'always']).default('always').describe('When Redis syncs its append-only file; decides what a crash of Redis may lose.'),
  maxlen: z.int().min(100).max(100_000_000).default(2_000_000).describe('Backlog at which orders are refused with 503; never passed, never trimmed.'),
  api: z.int().min(1).max(16).default(1).describe('API replicas.'),
  payload: z.enum(['full', 'diff']).default('full').describe('What the dashboard socket pushes: the whole dashboard, or what changed.'),
})

/** What a crash of Redis may take with it. */
const LOST_IN_A_CRASH: Record<z.infer<typeof knobs>['fsync'], { says: string; reachesBackMs: number } | undefined> = {
  always: undefined,
  everysec: { says: 'events accepted in the last 2 s before a crash of Redis', reachesBackMs: 2_000 },
  // Linux writes back what has been dirty for 30 s, looking every 5 s; the disk may be slow.
  no: { says: 'events accepted since the operating system last wrote the file, about 30 s, before a crash of Redis', reachesBackMs: 60_000 },
}

export const architecture = defineArchitecture({
  id: 'v2',
  title: 'Redis Streams, then PostgreSQL',
  flow: 'HTTP ─▶ Redis Stream (202) ─▶ worker, batched ─▶ PostgreSQL ─▶ Redis projection ─▶ dashboard',
  knobs,
  guarantee({ fsync }): Guarantee {
    const lost = LOST_IN_A_CRASH[fsync]
    if (lost === undefined) return { level: 'effectively-once', says: 'Every accepted event is stored and counted exactly once.', mayLose: false }
    return { level: 'at-most-once', says: `No event is stored or counted twice; lost may be ${lost.says}.`, mayLose: { after: ['redis'], ...lost } }
  },
  setup: createSchema,
  api: async (context) => createBackend(context),
  roles: { worker: startWorker },
  seed: seedOrders,
  judge: createJudge,
  failpoints: [
    'api:after-publish',
    'worker:after-read', 'worker:before-commit', 'worker:after-commit', 'worker:after-ack', 'worker:after-projection',
  ],
  faults: withNetwork([
    { fault: 'kill', service: 'api', clients: 'rejected-or-unknown', recoversWithinS: 5, says: 'Connections break; whether the orders on them were accepted is unknown. Those accepted are in Redis.' },
    { fault: 'kill', service: 'worker', clients: 'nothing', recoversWithinS: 10, says: 'The backlog grows; what the worker held is taken over once it has been idle for 3 s.' },
    { fault: 'kill', service: 'redis', clients: 'rejected-or-unknown', recoversWithinS: 10, says: '503 within a second while it is away, 504 for what was on its way; reads fall through to PostgreSQL.' },
    { fault: 'kill', service: 'postgres', clients: 'nothing', recoversWithinS: 15, says: 'Orders are accepted into the stream; nothing is acknowledged or dropped until it is back.' },
    { fault: 'pause', service: 'api', clients: 'rejected-or-unknown', recoversWithinS: 10, says: 'Nobody answers; what clients gave up waiting for may be in Redis all the same.' },
    { fault: 'pause', service: 'worker', clients: 'nothing', recoversWithinS: 15, says: 'The backlog grows; awake again, the worker goes on with what it held, unless another took it over.' },
    { fault: 'pause', service: 'redis', clients: 'rejected-or-unknown', recoversWithinS: 10, says: 'Orders on their way wait up to 4 s, then 504; new ones are refused with 503 after the first second.' },
    { fault: 'pause', service: 'postgres', clients: 'nothing', recoversWithinS: 15, says: 'As killed; the worker waits.' },
  ], { servers: ['redis', 'postgres'], links: ['api', 'redis', 'postgres'] }),
})
