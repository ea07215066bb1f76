import { z } from 'zod'
import { CUSTOMERS } from '../load/customers.ts'

/** Rates are multiples of the base rate (`--rate`), so a scenario keeps its form at any size. */
const shape = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('constant'), rate: z.number().nonnegative() }),
  z.strictObject({ kind: z.literal('ramp'), from: z.number().nonnegative(), to: z.number().nonnegative() }),
  z.strictObject({ kind: z.literal('poisson'), rate: z.number().nonnegative() }),
  z.strictObject({ kind: z.literal('saturation'), connections: z.int().min(1).max(1_000) }),
])

/** Weights of the customers among all arrivals; they need not sum to 1. */
const customers = z
  .partialRecord(z.enum(CUSTOMERS), z.number().nonnegative())
  .refine((weights) => Object.values(weights).some((weight) => weight > 0), { error: 'one customer must have a weight above 0' })

const phase = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]*$/),
  seconds: z.number().positive(),
  /** In arrivals of all customers, those who only read included. */
  shape,
  /** Instead of the scenario's, while this phase is on. */
  customers: customers.optional(),
  /** Which part of all visits the noisy caller sends while this phase is on; absent: as the callers' shares say. The total stays the same. */
  noisyShare: z.number().gt(0).lt(1).optional(),
  /** Warm-up is driven and accounted for like the rest, and left out of the figures. */
  warmup: z.boolean().default(false),
})

const expectation = z.strictObject({
  metric: z.enum(['p99Ms', 'readP99Ms', 'errorRate', 'readErrorRate', 'freshnessP99Ms', 'backlogGrowth', 'drainSeconds', 'reach', 'othersP99Ratio']),
  /** A phase's name; absent: the whole measured run. */
  phase: z.string().optional(),
  atMost: z.number().optional(),
  atLeast: z.number().optional(),
})

/** What can be broken on purpose. */
export const FAULTS = ['kill', 'pause', 'stop', 'restart', 'partition', 'memory', 'cpu', 'latency', 'bandwidth', 'reset', 'reset-reply', 'timeout', 'slow-close'] as const

const fault = z.strictObject({
  fault: z.enum(FAULTS),
  /** Compose service; its first replica unless `replica` says otherwise. */
  service: z.string(),
  replica: z.int().min(1).default(1),
  /** Of those that can be more or less: `200ms±50ms`, `100kB/s`. */
  value: z.string().optional(),
  /** Since the load's start; stretched with the phases by `--duration`. */
  atSeconds: z.number().nonnegative(),
  /** Never stretched: timeouts and back-offs do not stretch either. Absent: the fault's own default. */
  forSeconds: z.number().positive().optional(),
  /** When it is due and the system is not healed from what came before, it waits until it is. */
  whenHealed: z.boolean().optional(),
  /** By `--fault`: the scenario's expectations do not reckon with it. */
  added: z.boolean().default(false),
})

/** The scenario is played again and again, at one base rate after another, to find the highest at which it meets its expectations. */
const search = z.strictObject({
  /** Lowest and highest rate that is tried. */
  lowestRate: z.number().positive(),
  highestRate: z.number().positive(),
  /** Lowest rate that fails ÷ highest that holds, less 1: where the search is content. */
  tolerance: z.number().min(0.01).max(1),
  /** Probes that must agree at each end. */
  confirmations: z.int().min(1).max(10),
  /** Probes of one rate that cannot be believed, before it counts as not measurable: as the injector was late, as anything else was wrong. */
  attempts: z.strictObject({ late: z.int().min(1).max(10), disturbed: z.int().min(1).max(10) }),
  /** All probes together at the most. */
  probes: z.int().min(1).max(200),
})

export const scenarioSchema = z.strictObject({
  id: z.string().regex(/^[a-z][a-z0-9-]*$/),
  title: z.string(),
  /** Two lines for `lab list scenarios`. */
  says: z.string(),
  /** Arrivals per second at rate 1. */
  baseRate: z.number().positive(),
  phases: z.array(phase).min(1),
  customers,
  subscribers: z.int().min(0).max(20_000),
  connections: z.int().min(1).max(10_000),
  timeoutMs: z.int().min(10).max(120_000),
  retries: z.int().min(0).max(10).default(0),
  /** What is broken when, while the load goes on. */
  faults: z.array(fault).default([]),
  /** Without `--fault`: from this second on the architecture's whole list of faults, one after another. The last phase goes on as long as they take. */
  faultsFromSeconds: z.number().nonnegative().optional(),
  /** All the while somebody tries, with the rights of one caller, to see and to change what belongs to others. */
  trespass: z.boolean().default(false),
  /** Phases between which a spike lies: what is usual is what the first shows, the way back counts from the end of the second. */
  spike: z.strictObject({ base: z.string(), hold: z.string() }).optional(),
  /** Absent: it is played once. */
  search: search.optional(),
  /** How long the backlog may take to drain after the load. */
  settleSeconds: z.number().positive(),
  expectations: z.array(expectation),
})

/** Data only: what load, for how long, watched by how many, and what is expected of it. */
export type Scenario = z.output<typeof scenarioSchema>
export type ScenarioPhase = Scenario['phases'][number]
export type Search = NonNullable<Scenario['search']>
export type ScenarioFault = Scenario['faults'][number]
export type Expectation = Scenario['expectations'][number]
