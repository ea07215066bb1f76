import { z } from 'zod'

/** Every setting of v3, each an experiment of its own. */
export const knobs = z.object({
  parallelism: z.int().min(1).max(8).default(1).describe('Instances of each step of the Flink job, and slots of its TaskManager.'),
  window: z.int().min(1).max(3_600).default(10).describe('Length of a window of the time series, s, by the time of the orders.'),
  checkpoint: z.int().min(500).max(600_000).default(5_000).describe('From one checkpoint of the Flink job to the next, ms.'),
  brokers: z.literal([1, 3]).default(1).describe('Kafka brokers; with 3 every topic has 3 replicas, and 2 must have an order before it is accepted.'),
  partitions: z.int().min(1).max(64).default(4).describe('Partitions of the topic of orders.'),
  linger: z.int().min(0).max(100).default(5).describe('How long an API replica gathers orders before it sends them to Kafka together, ms.'),
  api: z.int().min(1).max(16).default(1).describe('API replicas.'),
  payload: z.enum(['full', 'diff']).default('full').describe('What the dashboard socket pushes: the whole dashboard, or what changed.'),
})

export type V3Knobs = z.infer<typeof knobs>
