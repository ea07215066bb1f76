import * as fc from 'fast-check'
import { ORDER_TYPES, PRODUCTS, STORES, type Order } from '../../../src/system/event.ts'
import type { Question } from './model.ts'

/** Ids that all workspaces take theirs from. */
export const IDS = 700
const HOUR_MS = 3_600_000
const FROM_MS = Date.UTC(2026, 9, 30, 21)
const HOURS = 60
/** The same few for everybody. */
const STORES_USED = STORES.slice(0, 4)

/** Of all workspaces: some are simply equal, some look like an event's id, like somebody else's key, like a pattern, or like our own names. */
export const SHARED_KEYS: readonly string[] = [
  ...Array.from({ length: 24 }, (_, i) => `order-${i}`), idAt(0), idAt(1), `id:${idAt(2)}`, '1:key:order-0', '2:order-1', '*', '?', '..', ':', 'key:order-0',
]

/** Names that every workspace gives its projects. */
export const PROJECT_NAMES = ['orders', 'returns', 'Kassel & Söhne', "o'; DROP TABLE orders; --"]

/** One event of those that are shared: which id, and which of the payloads that it comes with. */
export interface EventCase {
  id: number
  payload: number
}

export type WriteKind = 'order' | 'orders' | 'ingest' | 'ingest-key' | 'ingest-array' | 'ingest-lines' | 'foreign-key' | 'keyed-batch'

export interface WriteCase {
  kind: WriteKind
  /** Which of its projects, by position. */
  project: number
  /** Which of the shared keys. */
  key: number
  events: EventCase[]
  /** The dashboard is asked for right after it, while all others write. */
  looks: boolean
}

const event = fc.record<EventCase>({
  id: fc.nat(IDS - 1),
  // Mostly the same; so what comes again is often a duplicate, and sometimes not quite.
  payload: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(3) }),
})

export const writeCase: fc.Arbitrary<WriteCase> = fc.record({
  kind: fc.oneof(
    { weight: 5, arbitrary: fc.constant<WriteKind>('order') },
    { weight: 4, arbitrary: fc.constant<WriteKind>('ingest-key') },
    { weight: 3, arbitrary: fc.constantFrom<WriteKind>('orders', 'ingest', 'ingest-array', 'ingest-lines') },
    { weight: 1, arbitrary: fc.constantFrom<WriteKind>('foreign-key', 'keyed-batch') },
  ),
  project: fc.nat(99),
  key: fc.nat(SHARED_KEYS.length - 1),
  events: fc.array(event, { minLength: 2, maxLength: 12, size: 'max' }),
  looks: fc.boolean(),
})

/** The n-th id: the same for everybody. */
export function idAt(n: number): string {
  return `0199d000-0000-7000-8000-${(0xabc000 + n).toString(16).padStart(12, '0')}`
}

/** An event follows from which it is, and from nothing else: so two workspaces, or two sendings, can have the very same. */
export function orderOf({ id, payload }: EventCase): Order {
  const mixed = (Math.imul(id + 1, 0x9e37_79b1) ^ Math.imul(payload + 1, 0x85eb_ca6b)) >>> 0
  const type = ORDER_TYPES[mixed % 5] ?? 'order_placed'
  const offsetMs = mixed % 4 === 0 ? 0 : mixed % 4 === 1 ? HOUR_MS - 1 : mixed % HOUR_MS
  return {
    id: idAt(id),
    type,
    store: STORES_USED[(mixed >>> 8) % STORES_USED.length]!,
    product: PRODUCTS[(mixed >>> 12) % 7]!,
    amountCents: type === 'order_placed' ? (mixed >>> 7) % 100_000 : 0,
    timestampMs: FROM_MS + ((mixed >>> 3) % HOURS) * HOUR_MS + offsetMs,
  }
}

export type ReadKind =
  | 'dashboard' | 'analytics' | 'everybody' | 'projects' | 'members' | 'keys' | 'workspaces' | 'not-mine'
  | 'shown' | 'answer' | 'idempotency' | 'rows' | 'border' | 'totals' | 'dead-letters'

/** One question of one workspace, and how it is asked. */
export interface ReadCase {
  kind: ReadKind
  /** Which workspace, by position. */
  who: number
  /** Which of its tokens. */
  token: number
  question: Question
  /** At `/analytics` or at `/api/analytics`. */
  short: boolean
  /** Which id, key, or other workspace, where it is about one. */
  other: number
}

const edge = fc.tuple(fc.nat(HOURS + 2), fc.oneof(fc.constantFrom(0, 1, HOUR_MS - 1), fc.nat(HOUR_MS - 1))).map(([hour, ms]) => FROM_MS + (hour - 1) * HOUR_MS + ms)

/** Few of them, so that they are asked again. `round` gives each round questions of its own, beside the shared ones. */
function question(round: number): fc.Arbitrary<Question> {
  const spans = fc.sample(fc.tuple(edge, edge), { seed: 7 + round, numRuns: 24 })
  const always = fc.sample(fc.tuple(edge, edge), { seed: 6, numRuns: 4 })
  return fc.record({ span: fc.constantFrom(...spans, ...always), by: fc.constantFrom('product' as const, 'store' as const, 'type' as const, 'hour' as const) })
    .map(({ span: [a, b], by }) => ({ fromMs: Math.min(a, b), toMs: Math.max(a, b) + 1, by }))
}

const KINDS: readonly { weight: number; arbitrary: fc.Arbitrary<ReadKind> }[] = ([
  [12, 'dashboard'], [30, 'analytics'], [2, 'everybody'], [4, 'projects'], [4, 'keys'], [3, 'members'], [1, 'workspaces'], [6, 'not-mine'],
  [4, 'shown'], [8, 'answer'], [6, 'idempotency'], [4, 'rows'], [4, 'border'], [2, 'totals'], [4, 'dead-letters'],
] as const).map(([weight, kind]) => ({ weight, arbitrary: fc.constant(kind) }))

/** Reads that are asked at once, or one after the other. */
export interface Burst {
  atOnce: boolean
  reads: ReadCase[]
}

const MOST_READS = 15

export function burst(round: number): fc.Arbitrary<Burst> {
  const read: fc.Arbitrary<ReadCase> = fc.record({
    kind: fc.oneof(...KINDS), who: fc.nat(99), token: fc.nat(99), question: question(round), short: fc.boolean(), other: fc.nat(9_999),
  })
  const any = fc.record({ atOnce: fc.boolean(), reads: fc.array(read, { minLength: 1, maxLength: MOST_READS, size: 'max' }) })
  // The same question of several workspaces, one right after the other.
  const same = fc.record({ atOnce: fc.boolean(), asked: question(round), whose: fc.array(read, { minLength: 1, maxLength: MOST_READS, size: 'max' }) })
    .map(({ atOnce, asked, whose }) => ({ atOnce, reads: whose.map((it): ReadCase => ({ ...it, kind: 'analytics', question: asked })) }))
  return fc.oneof({ weight: 4, arbitrary: any }, { weight: 1, arbitrary: same })
}
