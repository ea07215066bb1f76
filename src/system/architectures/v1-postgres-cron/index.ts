/**
 *  POST ──▶ INSERT, COMMIT (201) ──▶ cron aggregator ──▶ totals ──▶ Redis ──▶ PUBLISH ──▶ /ws/dashboard
 *
 *  The boring stack. Accepted once PostgreSQL has committed it, stored once by its key; the dashboard is what the
 *  aggregator made of the table the last time it ran. With `write=buffer`:
 *
 *  POST ──▶ RPUSH orders:buffer (202) ──▶ worker `buffer` ──▶ INSERT, COMMIT ──▶ LTRIM
 */
import type { Guarantee } from '../../architecture.ts'
import { defineArchitecture } from '../../define.ts'
import { startAggregator } from './aggregate/aggregator.ts'
import { createBackend } from './backend.ts'
import { startBufferWorker } from './write/buffer-worker.ts'
import { customersFor } from './callers.ts'
import { expectations } from './expectations.ts'
import { createJudge } from './judge.ts'
import { knobs } from './knobs.ts'
import { seedOrders } from './seed.ts'
import { createSchema } from './setup.ts'

/** Three times `wal_writer_delay`, as in a busy period the log's writer prefers whole pages. https://www.postgresql.org/docs/current/wal-async-commit.html */
const UNSYNCED = { says: 'events accepted in the last 0.6 s before a crash of PostgreSQL', reachesBackMs: 600 }

export const architecture = defineArchitecture({
  id: 'v1',
  title: 'PostgreSQL, a cron aggregator, Redis',
  flow: 'HTTP ─▶ PostgreSQL (commit, then 201) ─▶ cron aggregator ─▶ Redis ─▶ dashboard',
  knobs,
  guarantee({ syncCommit, write }): Guarantee {
    // The buffer's worker waits for the disk whatever the knob says.
    if (syncCommit === 'on' || write === 'buffer') return { level: 'effectively-once', says: 'Every accepted event is stored and counted exactly once.', mayLose: false }
    return { level: 'at-most-once', says: `No event is stored or counted twice; lost may be ${UNSYNCED.says}.`, mayLose: { after: ['postgres'], ...UNSYNCED } }
  },
  overlays: ({ write, replica }) => [...(write === 'buffer' ? ['v1.buffer'] : []), ...(replica === 'on' ? ['v1.replica'] : [])],
  setup: createSchema,
  api: async (context) => createBackend(context),
  roles: { aggregator: startAggregator, buffer: startBufferWorker },
  seed: seedOrders,
  callers: async ({ knobs }) => customersFor(knobs),
  judge: createJudge,
  failpoints: [
    'api:before-commit', 'api:after-commit', 'api:after-publish', 'buffer:after-read', 'buffer:after-commit', 'buffer:after-trim',
    'aggregator:before-commit', 'aggregator:after-commit', 'aggregator:after-projection',
  ],
  faults: expectations,
})
