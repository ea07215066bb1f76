import type { Event } from '../ingest/message.ts'

/** A key that a client chose may look like the id of some event. */
const idOf = (event: Event) => `${event.workspace} id ${event.id}`
const keyOf = (event: Event) => `${event.workspace} key ${event.key}`

/**
 * Events in their order, in chunks that can each be stored by one statement: at most `most` events, and no id and no idempotency key in two of
 * them, as a statement would not know which came first. An event that is there already, the same in everything, is left out: it shares its fate.
 */
export function* chunksOf(events: readonly Event[], most: number): Generator<Event[]> {
  let chunk: Event[] = []
  let seen = new Map<string, Event>()
  for (const event of events) {
    const before = seen.get(idOf(event)) ?? (event.key === undefined ? undefined : seen.get(keyOf(event)))
    if (before !== undefined && before.id === event.id && before.key === event.key && before.fingerprint === event.fingerprint) continue
    if (chunk.length === most || before !== undefined) {
      yield chunk
      chunk = []
      seen = new Map()
    }
    chunk.push(event)
    seen.set(idOf(event), event)
    if (event.key !== undefined) seen.set(keyOf(event), event)
  }
  if (chunk.length > 0) yield chunk
}
