import { z } from 'zod'

/** Every setting of v5, each an experiment of its own. */
export const knobs = z.object({
  partitions: z.int().min(1).max(64).default(10).describe('Partitions of the topic of orders.'),
  consumers: z.int().min(1).max(16).default(2).describe('Instances of the consumer group.'),
  batch: z.int().min(100).max(200_000).default(20_000).describe('Orders of one insert into ClickHouse, at most.'),
  flush: z.int().min(50).max(60_000).default(1_000).describe('How long a consumer waits for a batch to fill, ms; the speed layer shows the orders meanwhile.'),
  views: z.enum(['on', 'off']).default('on').describe('Are totals kept by hour in an aggregating view, or computed from the orders for every request?'),
  brokers: z.literal([1, 3]).default(1).describe('Kafka brokers; with 3 every topic has 3 replicas, and 2 must have an order before it is accepted.'),
  linger: z.int().min(0).max(100).default(5).describe('How long an API replica gathers orders before it sends them to Kafka together, ms.'),
  api: z.int().min(1).max(16).default(1).describe('API replicas.'),
  payload: z.enum(['full', 'diff']).default('full').describe('What the dashboard socket pushes: the whole dashboard, or what changed.'),
})

export type V5Knobs = z.infer<typeof knobs>
