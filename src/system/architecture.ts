import type { IncomingMessage } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { ZodObject, ZodRawShape, infer as Infer } from 'zod'
import type { Dashboard } from './dashboard.ts'
import type { Order, OwnedOrder, StoredOrder } from './event.ts'
import type { Context } from './context.ts'
import type { Meter } from './metrics.ts'

/** What an architecture, with the knobs it runs with, promises about accepted events. */
export interface Guarantee {
  level: 'none' | 'at-most-once' | 'at-least-once' | 'effectively-once'
  /** One sentence, in the words of a report. */
  says: string
  /** May an accepted event be missing at the end? `false`, or what may be missing after which services went away. */
  mayLose: false | AllowedLoss
}

/**
 * Accepted events may be missing once one of these services was killed or died: those accepted from so long before it
 * went away until it was ready again. Any other lost event breaks the promise.
 */
export interface AllowedLoss {
  /** Compose services. */
  after: readonly string[]
  /** Which events, in the words of a report. */
  says: string
  /**
   * How far before it went away: ms; back to the newest event that was stored before (what was accepted later it may have
   * held uncommitted; default); or everything accepted until then.
   */
  reachesBackMs?: number | 'last-commit' | 'everything'
  /** By service, how long after it was ready again: until whoever lost its connection has found it, or has subscribed again. Default 0. */
  reachesOnMs?: Readonly<Record<string, number>>
  /** Does being paused count as going away? Default: no, as what is paused forgets nothing. */
  evenPaused?: boolean
  /** Does losing the connections to it count as going away? Default: no, as who is cut off still has what it accepted. */
  evenCut?: boolean
}

export interface AnalyticsQuery {
  fromMs: number
  toMs: number
  by: 'product' | 'store' | 'type' | 'hour'
  /** The question as it was asked, the same for all who ask it alike (`from` and `to` may have been left to the moment): key of a cache. */
  asked: string
}

export interface AnalyticsRow {
  key: string
  count: number
  revenueCents: number
  avgCents: number
  minCents: number
  maxCents: number
}

/** The read side: what a dashboard and questions about the orders are answered from. */
export interface Reader {
  dashboard(): Promise<Dashboard>
  analytics(query: AnalyticsQuery): Promise<AnalyticsRow[]>
  /** The listener is called when the dashboard may have changed; the caller coalesces. */
  onChange(listener: () => void): Disposable
}

/** What one who asks may see. */
export interface View extends Reader {
  /** The same for all who see the same: they share one reading of the dashboard, and what is pushed. */
  channel: string
  /** When the right to see it ends, ms since the epoch: a socket is closed then. Absent: never. */
  expiresAtMs?: number
}

/** In whose name orders are sent, as {@link Backend.admit} found out: opaque to everybody but the architecture. */
export type Sender = object

/** Parts of an OpenAPI document. */
export interface Description {
  paths: Record<string, unknown>
  schemas?: Record<string, unknown>
  securitySchemes?: Record<string, unknown>
}

/** What one API replica needs of its architecture. Reads without a view of their own show everything. */
export interface Backend extends Reader, AsyncDisposable {
  /** 201 when a 2xx means stored, 202 when it means handed to a broker. */
  accepted: 201 | 202
  /** What is shown may not be stored yet, so that what is pushed says nothing of when an event was stored. */
  showsUnstored?: true
  /** All or nothing. Throws {@link Unavailable} (nothing written) or {@link Unknown} (may have been written). */
  publish(orders: Order[], sender?: Sender): Promise<void>
  /**
   * Asked before the body of an order request is looked at; what it resolves with goes to `publish`. Rejects with a Refusal: 401 or 403 when
   * this may not be sent, 429 when this customer has sent enough.
   */
  admit?(request: IncomingMessage, events: number): Promise<Sender | void>
  /** Asked before the body of a batch is read, which may be large. Rejects with a Refusal (401, 403) when its sender may send nothing. */
  identify?(request: IncomingMessage): Promise<void>
  /** What this request may see; a socket's is its upgrade. Rejects with a Refusal (401, 403). Absent: everybody sees everything. */
  view?(request: IncomingMessage): Promise<View>
  /** Is a publish likely to succeed now? Feeds `/readyz`; the reason is shown. */
  ready(): { ok: true } | { ok: false; reason: string }
  /** What `/openapi.json` says of those endpoints. */
  describes?: Description
  /** Endpoints of this architecture alone; events they accept are counted in the meter. */
  routes?(app: FastifyInstance, meter: Meter): void
}

/** How the lab reads the truth once the load is over, from outside the API. */
export interface Judge extends AsyncDisposable {
  /** Every stored row once, streamed. An id stored twice comes twice. */
  persisted(): AsyncIterable<StoredOrder[]>
  dashboard(): Promise<Dashboard>
  /** Accepted events that are not stored yet. Cheap: asked for once a second. */
  backlog(): Promise<number>
  /** Events stored so far. Cheap: asked for once a second. */
  stored(): Promise<number>
}

/** One fault that an architecture is to survive, as data: how it is played, and what it must look like. */
export interface FaultExpectation {
  fault: string
  service: string
  /** How much of it: what is said holds for this much alone. Absent: the fault knows no more or less. */
  value?: string
  /** How long it is played; absent: as long as that fault is by itself. */
  forSeconds?: number
  /** What clients may see while it lasts. */
  clients: 'nothing' | 'rejected' | 'rejected-or-unknown'
  recoversWithinS: number
  says: string
}

/** Who sends orders: the injector plays all of them, each with its share of the visits. */
export interface Caller {
  /** Weight; they need not sum to 1. */
  share: number
  /** Sent with every order of this caller, and with its reads unless it has others for these. */
  headers: Record<string, string>
  /** Sent with every read (dashboard, analytics) in place of `headers`. */
  readHeaders?: Record<string, string>
  /** To whom its orders belong: `StoredOrder.owner` of each must say the same, or it has leaked. Absent: nobody in particular. */
  owner?: string
  /** In scenarios that have one, this is the caller that sends too much. */
  noisy?: boolean
}

/** One attempt to see or to write what belongs to somebody else, and what came of it. */
export interface Trespass {
  /** What was tried, in the words of a report. */
  tried: string
  /** What was seen or done that must not be; `undefined`: it was refused, as it must be. */
  leaked: string | undefined
}

/** Tries to cross the borders between callers, from outside, with the rights of one of them. */
export interface Trespasser extends AsyncDisposable {
  /** Whose name it stores in, `StoredOrder.owner`: never a caller's. What they store is no part of the load. */
  owners: readonly string[]
  /** How many orders of its own were accepted so far: dashboards of everything count them as well. */
  accepted(): number
  /** One round of attempts. An attempt that got no answer at all (the system is being broken on purpose) is left out. */
  round(): Promise<Trespass[]>
}

/** An event that could not be stored, and why. */
export interface DeadLetter {
  /** The same for the same event with the same fault, however often it was put there. */
  id: string
  owner: string
  reason: string
  /** ms since the epoch. */
  atMs: number
  attempts: number
  /** The event as it came: an order, or bytes in base64 where it is none. */
  content: Order | { base64: string }
}

/** What `lab dlq` works on. */
export interface DeadLetters extends AsyncDisposable {
  count(): Promise<number>
  /** Oldest first, each once; they stay where they are. */
  list(limit: number): Promise<DeadLetter[]>
  /** Sends these (all of them: `undefined`) in again as if they were new, and takes them away once they are in. Resolves with how many. */
  replay(ids: readonly string[] | undefined): Promise<number>
  /** Throws these (all of them: `undefined`) away for good. Resolves with how many. */
  purge(ids: readonly string[] | undefined): Promise<number>
}

/** One variant of the whole system: a file (or folder) that reads as its data flow. */
export interface Architecture<Shape extends ZodRawShape = ZodRawShape> {
  id: string
  title: string
  /** The data flow in one line of ASCII. */
  flow: string
  /** Every knob with default and one-line description (`.describe`). */
  knobs: ZodObject<Shape>
  guarantee(knobs: Infer<ZodObject<Shape>>): Guarantee
  /** Compose files that these knobs add: `['v1.replica']` is `compose/v1.replica.yaml`, merged after the architecture's own. */
  overlays?(knobs: Infer<ZodObject<Shape>>): readonly string[]
  /** Idempotent: schema, topics, jobs. Runs as the one-shot service `setup`. */
  setup?(context: Context<Infer<ZodObject<Shape>>>): Promise<void>
  api(context: Context<Infer<ZodObject<Shape>>>): Promise<Backend>
  /** The processes beside the API, by compose service name. */
  roles: Record<string, (context: Context<Infer<ZodObject<Shape>>>) => Promise<AsyncDisposable>>
  /** Writes history past the API, as fast as the store takes it. What comes after must look as if these orders had been sent long ago. */
  seed?(context: Context<Infer<ZodObject<Shape>>>, orders: AsyncIterable<OwnedOrder[]>): Promise<void>
  /** Absent: one caller without headers of its own. */
  callers?(context: Context<Infer<ZodObject<Shape>>>): Promise<Caller[]>
  /** Headers with which the lab's subscribers may see the dashboard of everything; absent: none are needed. */
  onlooker?(context: Context<Infer<ZodObject<Shape>>>): Promise<Record<string, string>>
  /** Where callers have borders between them: who tries to cross them, at `apiUrl`. */
  trespasser?(context: Context<Infer<ZodObject<Shape>>>, apiUrl: string): Promise<Trespasser>
  /** Where events end that can never be stored. */
  deadLetters?(context: Context<Infer<ZodObject<Shape>>>): Promise<DeadLetters>
  judge(context: Context<Infer<ZodObject<Shape>>>): Promise<Judge>
  /** Where a process of ours can be killed on purpose: `<service>:<point>`. */
  failpoints: readonly string[]
  /** What faults must look like, where it depends on the knobs as a function of them. */
  faults: readonly FaultExpectation[] | ((knobs: Infer<ZodObject<Shape>>) => readonly FaultExpectation[])
}

/** The broker or store is away and nothing was written: 503 + Retry-After. */
export class Unavailable extends Error {
  override name = 'Unavailable'
  readonly retryAfterS: number
  constructor(message: string, retryAfterS = 1) {
    super(message)
    this.retryAfterS = retryAfterS
  }
}

/** It may have been written, nobody can tell: 504. */
export class Unknown extends Error {
  override name = 'Unknown'
}
