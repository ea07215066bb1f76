import { z } from 'zod'
import { scenarioSchema } from '../scenarios/scenario.ts'
import { STAGES } from './stages.ts'
import { SUMMARY_VERSION, type Summary } from './summarise.ts'

/**
 * `summary.json`, described: `docs/summary.schema.json` is made from this. It is checked against {@link Summary} both ways by the compiler,
 * so the two cannot part. What a reader may rely on only grows; anything else raises the version.
 */

const percentiles = z
  .strictObject({ p50: z.number(), p95: z.number(), p99: z.number(), max: z.number(), count: z.int().describe('How many values; all others are 0 where it is 0.') })
  .describe('Milliseconds.')

const fates = { ok: z.number(), rejected: z.number(), unknown: z.number(), neverSent: z.number() }

const group = z.strictObject({
  offeredPerSecond: z.number(),
  latencyMs: percentiles.optional(),
  limited: z.number().describe('Events refused with 429.'),
  errors: z.number(),
})

const phase = z.strictObject({
  name: z.string(),
  measured: z.boolean().describe('Not warm-up.'),
  seconds: z.number(),
  offeredPerSecond: z.number(),
  acceptedPerSecond: z.number(),
  peakAcceptedPerSecond: z.number().describe('Largest one-second sample.'),
  persistedPerSecond: z.number().optional(),
  latencyMs: percentiles.optional().describe('Orders, from the intended send time.'),
  serviceMs: percentiles.optional().describe('Orders, from the actual send.'),
  readLatencyMs: percentiles.optional(),
  readsPerSecond: z.number(),
  sendLagMs: percentiles.optional(),
  errors: z.number().describe('Events refused, of unknown fate, or never sent.'),
  peakBacklog: z.number().optional(),
  freshnessP50Ms: z.number().optional(),
  groups: z.strictObject({ noisy: group, others: group }).optional(),
})

const finding = z.strictObject({ check: z.string(), ok: z.union([z.boolean(), z.literal('not judged')]), says: z.string() })
const expectation = z.strictObject({
  says: z.string(),
  metric: scenarioSchema.shape.expectations.element.shape.metric.optional().describe('Absent: of a fault.'),
  met: z.union([z.boolean(), z.literal('not measured')]),
  measured: z.number().optional(),
})

const faultExpectation = z.strictObject({
  fault: z.string(),
  service: z.string(),
  value: z.string().optional(),
  forSeconds: z.number().optional(),
  clients: z.enum(['nothing', 'rejected', 'rejected-or-unknown']).describe('What clients may see while it lasts.'),
  recoversWithinS: z.number(),
  says: z.string(),
})

const byFault = z.strictObject({ lost: z.int(), duplicated: z.int(), phantom: z.int(), recovered: z.int() })

const fault = z.strictObject({
  fault: z.string(),
  service: z.string(),
  replica: z.int(),
  value: z.string().optional().describe('How much of it: 200ms±50ms.'),
  atSeconds: z.number().describe('Since the load began.'),
  forSeconds: z.number().optional().describe('As planned; absent: over at once.'),
  lastedSeconds: z.number().optional(),
  backAfterSeconds: z.number().optional(),
  clients: z.strictObject({ ...fates, failedReads: z.number() }),
  codes: z.record(z.string(), z.number()).describe('Attempts that went wrong until clients had recovered, by status or reason.'),
  availability: z.strictObject({ ok: z.number(), answered: z.number() }).optional().describe('Shares of the events and reads that ended meanwhile: gone well; answered for certain, well or with a refusal.'),
  firstSuccessAfterSeconds: z.number().optional().describe('From the moment the fault was lifted; absent: not seen.'),
  drainedAfterSeconds: z.number().optional().describe('Until the backlog was back.'),
  accounting: byFault.optional().describe('Of events due around it.'),
  recoveredAfterSeconds: z.number().optional().describe('From the moment the fault was lifted; absent: not seen.'),
  expected: faultExpectation.optional(),
  met: z.union([z.boolean(), z.literal('not judged')]),
  says: z.string(),
})

const back = z.strictObject({
  before: z.number().optional().describe("Median of the base phase's seconds: p99 in ms, backlog in events."),
  atMost: z.number().optional().describe('What counts as back.'),
  highest: z.number().optional(),
  backAfterSeconds: z.number().optional().describe('From the end of the hold phase; absent: not within the run, or not known.'),
  watchedSeconds: z.number(),
  says: z.string(),
})

const ids = z.array(z.string())
const history = z.strictObject({
  orders: z.int(),
  stored: z.int(),
  lost: z.int(),
  duplicated: z.int(),
  altered: z.int(),
  examples: z.strictObject({ lost: ids, duplicated: ids, altered: ids }),
})

const accounting = z
  .strictObject({
    scheduled: z.int(),
    ...fates,
    stored: z.int(),
    lost: z.int(),
    lostExcused: z.int().describe('Of the lost, such as were due while the guarantee allows loss.'),
    lossWindows: z.array(z.strictObject({ service: z.string(), fromMs: z.number().optional(), toMs: z.number().optional() })).optional(),
    duplicated: z.int(),
    phantom: z.int(),
    unexpected: z.int(),
    altered: z.int(),
    recovered: z.int(),
    leaked: z.int().optional(),
    guests: z.int().optional(),
    miscounted: z.array(z.strictObject({ figure: z.string(), expected: z.number(), shown: z.number() })),
    examples: z.strictObject({ lost: ids, duplicated: ids, phantom: ids, unexpected: ids, altered: ids, leaked: ids.optional() }),
    persistedLagMs: percentiles.optional(),
    freshnessMs: percentiles.optional(),
    neverVisible: z.int(),
    byFault: z.array(byFault).optional().describe('By fault, of events due around each.'),
    history: history.optional(),
  })
  .describe('What became of every event.')

const service = z.strictObject({
  meanCpu: z.number().describe('Cores, over the measured phases.'),
  maxCpu: z.number(),
  maxRssBytes: z.number(),
  replicas: z.int(),
  cpuMsPerThousand: z.number().optional().describe('CPU-milliseconds per thousand events stored.'),
})

const stage = z.enum(STAGES)
const stretch = {
  totalMs: percentiles.describe('From the moment an event was due to its last stage.'),
  stages: z.array(z.strictObject({ stage, ...percentiles.shape, share: z.number().describe('Of all the time of all these events.') })),
}
const traces = z.strictObject({
  oneIn: z.int().describe('One event in so many was traced.'),
  complete: z.int(),
  incomplete: z.int(),
  refused: z.int(),
  spansDropped: z.int(),
  overall: z.strictObject(stretch).optional(),
  phases: z.array(z.strictObject({ name: z.string(), ...stretch })),
  slowest: z.strictObject({ id: z.string(), phase: z.string(), totalMs: z.number(), stages: z.array(z.strictObject({ stage, fromMs: z.number(), ms: z.number() })) }).optional(),
})

const mayLose = z.union([
  z.literal(false),
  z.strictObject({
    after: z.array(z.string()),
    says: z.string(),
    reachesBackMs: z.union([z.number(), z.enum(['last-commit', 'everything'])]).optional(),
    reachesOnMs: z.record(z.string(), z.number()).optional(),
    evenPaused: z.boolean().optional(),
    evenCut: z.boolean().optional(),
  }),
])

export const summarySchema = z
  .strictObject({
    schemaVersion: z.literal(SUMMARY_VERSION),
    runId: z.string(),
    scenario: z.string(),
    architecture: z.string(),
    knobs: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
    guarantee: z.strictObject({ level: z.enum(['none', 'at-most-once', 'at-least-once', 'effectively-once']), says: z.string(), mayLose }),
    runtime: z.string(),
    external: z.array(z.strictObject({ service: z.string(), at: z.string() })).readonly().optional().describe('Services that somebody else runs, and where; absent: none.'),
    seed: z.int(),
    baseRate: z.number().describe('Arrivals per second at rate 1.'),
    commandLine: z.string(),
    status: z.enum(['running', 'complete', 'aborted', 'failed']),
    verdict: z
      .strictObject({ outcome: z.string(), exitCode: z.int(), reasons: z.array(z.string()), remarks: z.array(z.string()).optional() })
      .optional()
      .describe('Absent: the run did not come to one.'),
    validity: z.array(finding),
    expectations: z.array(expectation),
    overall: phase.optional().describe('All measured open-loop phases as one.'),
    phases: z.array(phase),
    history: z.strictObject({ orders: z.number(), days: z.number(), seconds: z.number(), perSecond: z.number() }).optional(),
    trespass: z
      .strictObject({ attempts: z.int(), leaks: z.int(), examples: z.array(z.strictObject({ atMs: z.number(), tried: z.string(), leaked: z.string() })) })
      .optional()
      .describe('Attempts to cross the borders between callers.'),
    faults: z.array(fault),
    spike: z.strictObject({ base: z.string(), hold: z.string(), p99: back, backlog: back }).optional().describe('How long after a spike things were as before it.'),
    accounting: accounting.optional(),
    drainSeconds: z.number().optional().describe('From the end of the load until the backlog was gone.'),
    bringUpSeconds: z.number().optional(),
    resources: z.record(z.string(), service).describe('By service.'),
    inside: z
      .record(z.string(), z.strictObject({ mean: z.number(), max: z.number(), phases: z.record(z.string(), z.number()) }))
      .describe("The system's own metrics over the measured phases, by name."),
    traces: traces.optional().describe("Where an event's time goes; of an observed run."),
    scalings: z.array(z.strictObject({ second: z.number(), service: z.string(), from: z.int(), to: z.int(), says: z.string() })),
    dataBytes: z.record(z.string(), z.number()).optional().describe('On disk, by service.'),
    notes: z.array(z.string()),
    machine: z.strictObject({ cpuModel: z.string(), cores: z.int(), memoryBytes: z.number(), kernel: z.string(), placement: z.string() }),
    versions: z.record(z.string(), z.string()),
    git: z.strictObject({ commit: z.string(), dirty: z.boolean() }).optional(),
  })
  .describe('One run of the load lab in figures: what lab run writes, and lab report makes again.')

/** Each is assignable to the other, as they are and with nothing optional (what only one of them knows and may be absent would pass otherwise), or this does not compile. */
type Same<A, B> = [A, Whole<A>] extends [B, Whole<B>] ? ([B, Whole<B>] extends [A, Whole<A>] ? true : never) : never
type Leaf = string | number | boolean | undefined
type Plain<T> = T extends Leaf ? T : T extends readonly (infer U)[] ? Plain<U>[] : { -readonly [K in keyof T]: Plain<T[K]> }
type Whole<T> = T extends Leaf ? T : T extends readonly (infer U)[] ? Whole<U>[] : { [K in keyof T]-?: Whole<Exclude<T[K], undefined>> }
export const SCHEMA_IS_THE_TYPE: Same<Plain<z.output<typeof summarySchema>>, Plain<Summary>> = true

/** As JSON Schema, draft 2020-12. */
export function summaryJsonSchema(): object {
  return { ...z.toJSONSchema(summarySchema, { target: 'draft-2020-12' }), title: `summary.json, version ${SUMMARY_VERSION}` }
}
