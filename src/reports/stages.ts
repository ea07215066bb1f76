import { eventIdOf } from '../system/tracing/sampling.ts'
import { SHARED, VERSION, type Span } from '../system/tracing/span.ts'

/**
 * Where an event's time goes, in the order in which it passes them. `arrive`: from the moment it was due, which its id says, until the API sees
 * the request; everything that an overloaded API keeps waiting is in it. `wait`: from the answer to the client until a worker has it. `project`: until
 * the dashboard that has it is written; `push`: until that was sent to the sockets. Both are done for many events at once: an event is in the first
 * projection that began after it was stored, and in the first push of that version or a later one.
 */
export const STAGES = ['arrive', 'receive', 'validate', 'publish', 'wait', 'gather', 'store', 'flink', 'project', 'push'] as const
export type Stage = (typeof STAGES)[number]

/** One event on its way. Its stages follow one another without a gap, so they add up to `totalMs`. */
export interface Way {
  id: string
  fromMs: number
  totalMs: number
  stages: Partial<Record<Stage, number>>
}

export interface Ways {
  complete: Way[]
  /** Accepted, and without a stage that others have: its span was dropped, or it never got there. */
  incomplete: number
  /** No order of this event was accepted. */
  refused: number
}

/** What each event of these spans went through. Spans in any order, several times, or not at all; clocks may differ a little: no stage is negative. */
export function waysOf(spans: readonly Span[]): Ways {
  const shared = new Set<string>(Object.values(SHARED))
  const byTrace = Map.groupBy(spans.filter(({ name }) => !shared.has(name)), (span) => span.traceId)
  const projections = spans.filter(({ name }) => name === SHARED.project).sort(byStart)
  const pushes = spans.filter(({ name }) => name === SHARED.push).sort(byStart)
  const paths = [...byTrace].flatMap(([traceId, theirs]) => pathOf(traceId, theirs) ?? [])
  const accepted = paths.filter((path) => path !== 'refused')
  const ways = accepted.map((path) => wayOf(path, projections, pushes))
  const expected = STAGES.filter((stage) => ways.some(({ stages }) => stages[stage] !== undefined))
  const complete = ways.filter(({ stages }) => expected.every((stage) => stages[stage] !== undefined))
  return { complete, incomplete: ways.length - complete.length, refused: paths.length - accepted.length }
}

interface Path {
  id: string
  fromMs: number
  /** When each stage that was seen ended. */
  ends: [stage: Stage, endMs: number][]
}

/** Nothing where these are no stages of an event, as in the trace of a client; of one that was sent several times, the first order that was accepted counts. */
function pathOf(traceId: string, spans: readonly Span[]): Path | 'refused' | undefined {
  const named = (name: string) => spans.filter((span) => span.name === name).sort(byStart)
  const attempts = named('publish')
  if (attempts.length === 0 && named('store').length === 0) return undefined
  const publish = attempts.find(({ failed }) => failed !== true)
  if (publish === undefined && attempts.length > 0 && named('store').length === 0) return 'refused'
  const validate = lastBefore(named('validate'), publish?.fromMs)
  const receive = lastBefore(named('receive'), validate?.fromMs)
  const store = named('store').reduce<Span | undefined>((first, span) => (first === undefined || span.toMs < first.toMs ? span : first), undefined)
  const gather = lastBefore(named('gather'), store?.fromMs)
  const flink = named('flink')[0]
  const ends: Path['ends'] = []
  const id = eventIdOf(traceId)
  const dueMs = receive && dueMsOf(id, receive.fromMs)
  if (dueMs !== undefined) ends.push(['arrive', receive!.fromMs])
  if (receive) ends.push(['receive', receive.toMs])
  if (validate) ends.push(['validate', validate.toMs])
  if (publish) ends.push(['publish', publish.toMs])
  if (gather) ends.push(['wait', gather.fromMs], ['gather', gather.toMs])
  if (store) ends.push(['store', store.toMs])
  if (flink) ends.push(['flink', flink.toMs])
  return { id, fromMs: dueMs ?? (receive ?? validate ?? publish ?? gather ?? store)!.fromMs, ends }
}

/** An id that says another day was not made when the event was sent. */
const MAX_UNDERWAY_MS = 15 * 60_000

/** When the event was due, by its UUIDv7 (whole ms, rounded down); `undefined` where the id says nothing of it. */
function dueMsOf(id: string, receivedMs: number): number | undefined {
  const madeMs = Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
  return id[14] === '7' && Math.abs(receivedMs - madeMs) < MAX_UNDERWAY_MS ? Math.min(madeMs, receivedMs) : undefined
}

function wayOf({ id, fromMs, ends }: Path, projections: readonly Span[], pushes: readonly Span[]): Way {
  const all = [...ends]
  const storedMs = ends.at(-1)![1]
  const projection = projections[firstFrom(projections, storedMs)]
  if (projection) all.push(['project', projection.toMs])
  const push = projections.length === 0 ? pushes[firstFrom(pushes, storedMs)] : projection && pushOf(projection, pushes)
  if (push) all.push(['push', push.toMs])
  const stages: Way['stages'] = {}
  let reachedMs = fromMs
  for (const [stage, endMs] of all) {
    stages[stage] = Math.max(0, endMs - reachedMs)
    reachedMs = Math.max(reachedMs, endMs)
  }
  return { id, fromMs, totalMs: reachedMs - fromMs, stages }
}

/** The first that sent what this one wrote, or something newer. */
function pushOf(projection: Span, pushes: readonly Span[]): Span | undefined {
  const version = versionOf(projection)
  for (let index = firstFrom(pushes, projection.fromMs); index < pushes.length; index += 1) if (versionOf(pushes[index]!) >= version) return pushes[index]
  return undefined
}

const versionOf = ({ attributes }: Span): number => Number(attributes?.[VERSION] ?? 0)
const byStart = (a: Span, b: Span): number => a.fromMs - b.fromMs

/** Of sorted spans the last one that began by then; without a moment the first. */
function lastBefore(spans: readonly Span[], atMs: number | undefined): Span | undefined {
  return atMs === undefined ? spans[0] : (spans.findLast(({ fromMs }) => fromMs <= atMs) ?? spans[0])
}

/** Index of the first that began at this moment or later. */
function firstFrom(spans: readonly Span[], atMs: number): number {
  let [low, high] = [0, spans.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (spans[middle]!.fromMs < atMs) low = middle + 1
    else high = middle
  }
  return low
}
