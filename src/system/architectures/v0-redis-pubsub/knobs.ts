import { z } from 'zod'

export const knobs = z.object({
  batch: z.int().min(1).max(10_000).default(500).describe('Events the consumer stores in one transaction, at most.'),
  flush: z.int().min(0).max(1_000).default(20).describe('How long the consumer waits for a batch to fill, ms; what it holds is lost with it.'),
  synchronous: z.enum(['off', 'normal', 'full']).default('normal').describe('Does SQLite sync its log at each commit (full), only before it is copied into the file (normal), or never?'),
  readers: z.int().min(1).max(8).default(1).describe('Threads of an API replica that compute dashboards and analytics, each from all orders.'),
  api: z.int().min(1).max(16).default(1).describe('API replicas.'),
  payload: z.enum(['full', 'diff']).default('full').describe('What the dashboard socket pushes: the whole dashboard, or what changed.'),
})

export type V0Knobs = z.infer<typeof knobs>
