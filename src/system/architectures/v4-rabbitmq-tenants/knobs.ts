import { z } from 'zod'

/** Every setting of v4, each an experiment of its own. */
export const knobs = z.object({
  batch: z.int().min(1).max(1_000).default(20).describe('Events a worker stores in one transaction, at most.'),
  flush: z.int().min(0).max(1_000).default(10).describe('How long a worker waits for a batch to fill, ms.'),
  prefetch: z.int().min(1).max(10_000).default(200).describe('Messages of a shard that a worker holds unacknowledged, at most.'),
  workers: z.int().min(1).max(16).default(1).describe('Worker replicas; each shard is worked on by one of them at a time.'),
  shards: z.int().min(1).max(64).default(4).describe('Queues that the workspaces are spread over; what one of them sends stays in order.'),
  queue: z.enum(['quorum', 'classic']).default('quorum').describe('Kind of the queues: replicated and synced, or RabbitMQ’s older durable ones.'),
  queueLimit: z.int().min(10).max(10_000_000).default(10_000).describe('Messages that may wait in each shard; beyond it orders for it are refused with 503.'),
  idempotency: z.enum(['redis', 'db']).default('redis').describe('Where a known event is found out first: a key in Redis, or the unique key of the database alone.'),
  rollup: z.int().min(1).max(3_600).default(60).describe('From the start of one rollup to the next, s.'),
  workspaces: z.int().min(1).max(1_000).default(20).describe('Tenants that setup makes; the lab sends in the names of all of them.'),
  cache: z.enum(['off', '5min']).default('5min').describe('Are answers to analytics kept for 5 minutes, by workspace and question, or computed for every request?'),
  rateLimit: z.string().regex(/^(off|[1-9]\d{0,6}\/min)$/).default('off').describe('Events that each workspace may send: so many at once, and so many a minute from then on; more are refused with 429.').meta({ allowed: 'off | <n>/min, such as 600/min' }),
  api: z.int().min(1).max(16).default(1).describe('API replicas.'),
  payload: z.enum(['full', 'diff']).default('full').describe('What the dashboard socket pushes: the whole dashboard, or what changed.'),
})

export type V4Knobs = z.infer<typeof knobs>
