import { z } from 'zod'

/** Every setting of v1, each an experiment of its own. */
const settings = z.object({
  aggregator: z.enum(['full-scan', 'group-by', 'incremental', 'materialized-view']).default('group-by').describe('How the totals are computed: every order loaded into memory; GROUP BY over all; only what is new; a materialized view.'),
  schedule: z.enum(['fixed', 'adaptive']).default('fixed').describe('When the aggregator runs next: after `interval`, or after the larger of it and twice the last run.'),
  interval: z.int().min(100).max(3_600_000).default(1_000).describe('From the start of one aggregation to the next, ms.'),
  aggregators: z.int().min(1).max(4).default(1).describe('Aggregator replicas; one works at a time.'),
  heap: z.int().min(64).max(16_384).default(512).describe('Memory limit of the aggregator, MB of JavaScript heap; `full-scan` runs into it.'),
  pool: z.int().min(1).max(200).default(10).describe('Connections to PostgreSQL that write, per API replica.'),
  poolWait: z.int().min(1).max(30_000).default(1_000).describe('How long an order waits for one of them before it is refused with 503, ms.'),
  syncCommit: z.enum(['on', 'off']).default('on').describe('Does a commit wait until the log is on disk? Off: a crash of PostgreSQL may lose the last 0.6 s.'),
  batch: z.int().min(1).max(1_000).default(1).describe('Orders in one commit, at most; 1: a transaction per request.'),
  indexes: z.int().min(0).max(3).default(1).describe('Indexes beside the key: (timestamp), then (product, timestamp), then (timestamp, product, store).'),
  partition: z.enum(['none', 'range']).default('none').describe('One table, or one a day; unique ids then live in a table of their own.'),
  write: z.enum(['direct', 'buffer']).default('direct').describe('201 after the commit, or 202 once a Redis list has it and a worker stores it later.'),
  counters: z.enum(['cron', 'hot', 'table']).default('cron').describe('Where the dashboard comes from: the aggregator; counters in Redis raised after each commit; counters in a table raised within it.'),
  push: z.enum(['poll', 'pubsub', 'listen']).default('pubsub').describe('How the API hears of a new dashboard: it looks; Redis Pub/Sub; PostgreSQL LISTEN/NOTIFY.'),
  replica: z.enum(['off', 'on']).default('off').describe('A streaming replica of PostgreSQL that serves the reads.'),
  cache: z.enum(['off', '5s']).default('5s').describe('Are answers to reads kept in Redis for 5 s, or computed for every request?'),
  stampede: z.enum(['off', 'lock']).default('off').describe('When a cached answer expires: everybody computes it, or one while the others wait.'),
  breaker: z.enum(['off', 'on']).default('off').describe('Refuses at once after 5 failures of PostgreSQL in a row, and tries again after 30 s.'),
  rateLimit: z.string().regex(/^(off|[1-9]\d{0,6}\/min)$/).default('off').describe('Orders that each customer may send: so many at once, and so many a minute from then on; more are refused with 429.').meta({ allowed: 'off | <n>/min, such as 600/min' }),
  api: z.int().min(1).max(20).default(1).describe('API replicas.'),
  autoscale: z.enum(['off', 'on']).default('off').describe('Lets the lab add and remove API replicas (2 to 20) by their CPU.'),
  payload: z.enum(['full', 'diff']).default('full').describe('What the dashboard socket pushes: the whole dashboard, or what changed.'),
})

/** Counters in Redis would go on counting what a crash of PostgreSQL has taken back. */
export const knobs = settings.refine(({ counters, syncCommit }) => counters !== 'hot' || syncCommit === 'on', {
  path: ['counters'],
  message: 'counters=hot needs syncCommit=on: Redis would go on counting what a crash of PostgreSQL takes back',
})

export type V1Knobs = z.infer<typeof knobs>
