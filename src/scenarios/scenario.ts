import { z } from 'zod'
import { CUSTOMERS } from '../load/customers.ts'

/** Rates are multiples of the base rate (`--rate`), so a scenario keeps its form at any size. */
const shape = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('constant'), rate: z.number().nonnegative() }),
  z.strictObject({ kind: z.literal('ramp'), from: z.number().nonnegative(), to: z.number().nonnegative() }),
  z.strictObject({ kind: z.literal('poisson'), rate: z.number().nonnegative() }),
  z.strictObject({ kind: z.literal('saturation'), connections: z.int().min(1).max(1_000) }),
])

const phase = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]*$/),
  seconds: z.number().positive(),
  shape,
  /** Warm-up is driven and accounted for like the rest, and left out of the figures. */
  warmup: z.boolean().default(false),
})

const expectation = z.strictObject({
  metric: z.enum(['p99Ms', 'readP99Ms', 'errorRate', 'freshnessP99Ms', 'drainSeconds', 'reach']),
  /** A phase's name; absent: the whole measured run. */
  phase: z.string().optional(),
  atMost: z.number().optional(),
  atLeast: z.number().optional(),
})

export const scenarioSchema = z.strictObject({
  id: z.string().regex(/^[a-z][a-z0-9-]*$/),
  title: z.string(),
  /** Two lines for `lab list scenarios`. */
  says: z.string(),
  /** Arrivals per second at rate 1. */
  baseRate: z.number().positive(),
  phases: z.array(phase).min(1),
  customers: z.partialRecord(z.enum(CUSTOMERS), z.number().nonnegative()),
  subscribers: z.int().min(0).max(20_000),
  connections: z.int().min(1).max(10_000),
  timeoutMs: z.int().min(10).max(120_000),
  retries: z.int().min(0).max(10).default(0),
  /** How long the backlog may take to drain after the load. */
  settleSeconds: z.number().positive(),
  expectations: z.array(expectation),
})

/** Data only: what load, for how long, watched by how many, and what is expected of it. */
export type Scenario = z.output<typeof scenarioSchema>
export type ScenarioPhase = Scenario['phases'][number]
export type Expectation = Scenario['expectations'][number]
