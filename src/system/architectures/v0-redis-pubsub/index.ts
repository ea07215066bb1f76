/**
 *  POST ──▶ PUBLISH orders (202) ──▶ one consumer, batched ──▶ INSERT, COMMIT: one SQLite file ──▶ PUBLISH ──▶ /ws/dashboard
 *                                                                    └──▶ GROUP BY over all orders, for every dashboard and question
 *
 *  Where one starts. Accepted once Redis has published it, to whoever is subscribed at that moment, be it nobody. Nothing is ever
 *  delivered again: what the consumer had not committed when it went, and what was published until it was back, is lost.
 */
import type { Guarantee } from '../../architecture.ts'
import { defineArchitecture } from '../../define.ts'
import { withNetwork } from '../../fault-list.ts'
import { createBackend } from './backend.ts'
import { startConsumer } from './consumer.ts'
import { createJudge, seed } from './judge.ts'
import { knobs } from './knobs.ts'
import { createFile } from './setup.ts'

/** After Redis is back, until the consumer has found it: it looks every 250 ms, and the machine may be busy. */
const SUBSCRIBES_WITHIN_MS = 1_000
const LOST = 'events accepted between the consumer\'s last commit before it, or Redis, went away and its next subscription'

export const architecture = defineArchitecture({
  id: 'v0',
  title: 'Redis Pub/Sub, then SQLite',
  flow: 'HTTP ─▶ Redis Pub/Sub (202) ─▶ one consumer ─▶ SQLite ─▶ computed on every request ─▶ dashboard',
  knobs,
  guarantee: (): Guarantee => ({
    level: 'at-most-once',
    says: `No event is stored or counted twice; lost may be ${LOST}.`,
    mayLose: { after: ['consumer', 'redis'], says: LOST, reachesBackMs: 'last-commit', reachesOnMs: { redis: SUBSCRIBES_WITHIN_MS }, evenCut: true },
  }),
  setup: createFile,
  api: async (context) => createBackend(context),
  roles: { consumer: startConsumer },
  seed,
  judge: createJudge,
  failpoints: ['api:after-publish', 'consumer:after-receive', 'consumer:before-commit', 'consumer:after-commit'],
  faults: withNetwork([
    { fault: 'kill', service: 'api', clients: 'rejected-or-unknown', recoversWithinS: 5, says: 'Connections break; whether the orders on them were accepted is unknown. Those accepted were published.' },
    { fault: 'pause', service: 'api', clients: 'rejected-or-unknown', recoversWithinS: 10, says: 'Nobody answers; what clients gave up waiting for may be published all the same.' },
    { fault: 'kill', service: 'consumer', clients: 'nothing', recoversWithinS: 5, says: 'Orders are accepted as if nothing had happened; what it had not committed, and all until it has subscribed again, is lost.' },
    { fault: 'kill', service: 'redis', clients: 'rejected-or-unknown', recoversWithinS: 5, says: '503 within a second while it is away, 504 for what was on its way; what it had not handed out is lost. Reads go on.' },
    { fault: 'pause', service: 'redis', clients: 'rejected-or-unknown', recoversWithinS: 10, says: 'Orders on their way wait up to 4 s, then 504; new ones are refused with 503 after the first second. Reads go on.' },
    { fault: 'pause', service: 'consumer', clients: 'nothing', recoversWithinS: 10, says: 'What is published waits in the output buffer that Redis keeps for it, up to 256 MB; beyond that Redis cuts it off, and that much is lost.' },
  ], { servers: ['redis'], links: ['api', 'redis'] }),
})
