import { Unavailable, Unknown } from '../architecture.ts'
import type { Context } from '../context.ts'
import { reasonOf } from '../reason.ts'
import type { Record, Session } from './session.ts'
import { keepSession } from './sessions.ts'

/** Events in flight or waiting, at most; beyond it orders are refused. */
const MAX_OPEN_EVENTS = 20_000
/** What requests are put together to: a larger one goes alone. */
const MAX_EVENTS_A_BATCH = 1_000
/** Sent together, at most: some 170 bytes each as JSON, and Kafka takes 1 MB for one partition. */
const MAX_EVENTS_A_FLIGHT = 2_000
/** With so many waiting, what a request to Kafka costs hardly shows on each: waiting for more would buy nothing. */
const ENOUGH_EVENTS = 32
/** When Kafka has not answered for longer, new orders are refused, and what was not sent yet is given back. */
const STALLED_MS = 1_000
/** When it has not answered for longer than this, nobody can tell any more. */
const GIVE_UP_MS = 4_000
const SWEEP_MS = 100

/** Events of requests that came together, and share their fate. */
interface Batch {
  records: Record[]
  waitingSinceMs: number
  done: Promise<void>
  resolve: () => void
  reject: (error: Error) => void
}

interface Flight {
  batches: readonly Batch[]
  session: Session
  sentAtMs: number
}

/** Orders on their way to Kafka: gathered, and sent one flight after the other. */
export interface Lane extends AsyncDisposable {
  /** All or nothing. Throws {@link Unavailable} (nothing will be read of it) or {@link Unknown}. */
  publish(records: readonly Record[]): Promise<void>
  /** Why an order would be refused now. */
  refusal(events: number): Unavailable | undefined
  openEvents(): number
  /** Requests to Kafka so far; each carries what was gathered. */
  flights(): number
}

export interface LaneOptions {
  purpose: string
  lingerMs: number
  open(): Promise<Session>
  /** All that is sent together goes into this partition, instead of where it says. */
  partitionOfFlight?(): number
  acknowledged(): void
}

/**
 * An order waits until `lingerMs` have passed since the last flight left, or there are {@link ENOUGH_EVENTS}, and in any case until the last
 * flight has come back: so one that comes alone goes at once, and many share one request, one record batch, one promise. There is one flight
 * at a time, as kafkajs makes it with idempotence anyway; gathering meanwhile is what fills the next.
 */
export function createLane(context: Context<unknown>, options: LaneOptions): Lane {
  const { purpose, lingerMs, open: openSession, partitionOfFlight, acknowledged } = options
  const waiting: Batch[] = []
  let waitingEvents = 0
  let openEvents = 0
  let flight: Flight | undefined
  let flights = 0
  let lastSentMs = -Infinity
  let timer: NodeJS.Timeout | undefined
  let soon = false

  const AWAY = new Unavailable('Kafka is away, nothing was written', 1)
  const STALLED = new Unavailable('Kafka does not answer, nothing of this was written', 1)
  const CROWDED = new Unavailable(`${MAX_OPEN_EVENTS} events wait for Kafka already, nothing of this was written`, 1)

  const sessions = keepSession(context, purpose, openSession, (session) => {
    if (flight?.session === session) land(flight, inDoubt(session, session.ended.reason))
  })

  function refusal(events: number): Unavailable | undefined {
    if (sessions.current() === undefined) return AWAY
    if (openEvents + events > MAX_OPEN_EVENTS) return CROWDED
    return flight !== undefined && performance.now() - flight.sentAtMs > STALLED_MS ? STALLED : undefined
  }

  function publish(records: readonly Record[]): Promise<void> {
    const refused = refusal(records.length)
    if (refused !== undefined) return Promise.reject(refused)
    let batch = waiting.at(-1)
    if (batch === undefined || batch.records.length + records.length > MAX_EVENTS_A_BATCH) waiting.push((batch = newBatch()))
    for (const record of records) batch.records.push(record)
    waitingEvents += records.length
    openEvents += records.length
    schedule()
    return batch.done
  }

  function schedule(): void {
    if (flight !== undefined || soon || waitingEvents === 0) return
    const leftMs = waitingEvents >= ENOUGH_EVENTS ? 0 : lastSentMs + lingerMs - performance.now()
    if (leftMs <= 0) {
      clearTimeout(timer)
      timer = undefined
      soon = true
      // At the end of this turn of the event loop: what else it brings goes along.
      setImmediate(flush)
    } else {
      timer ??= setTimeout(() => {
        timer = undefined
        flush()
      }, leftMs)
    }
  }

  function flush(): void {
    soon = false
    if (flight !== undefined || waiting.length === 0) return
    const session = sessions.current()
    if (session === undefined) return refuseWaiting(AWAY)
    const batches = [waiting.shift()!]
    let events = batches[0]!.records.length
    while (waiting.length > 0 && events + waiting[0]!.records.length <= MAX_EVENTS_A_FLIGHT) {
      batches.push(waiting[0]!)
      events += waiting.shift()!.records.length
    }
    waitingEvents -= events
    flights += 1
    flight = { batches, session, sentAtMs: (lastSentMs = performance.now()) }
    void send(flight)
  }

  async function send(current: Flight): Promise<void> {
    const { batches, session } = current
    const records = batches.length === 1 ? batches[0]!.records : batches.flatMap((it) => it.records)
    const partition = partitionOfFlight?.()
    if (partition !== undefined) for (const record of records) record.partition = partition
    let problem: Error | undefined
    try {
      await session.send(records)
      acknowledged()
    } catch (error) {
      problem = inDoubt(session, error)
      session.end(reasonOf(error))
    }
    land(current, problem)
  }

  /** Once only: what was given up may still be answered. */
  function land(current: Flight, problem: Error | undefined): void {
    if (flight !== current) return
    flight = undefined
    for (const batch of current.batches) settle(batch, problem)
    if (waiting.length > 0 && sessions.current() === undefined) refuseWaiting(AWAY)
    schedule()
  }

  function settle(batch: Batch, problem: Error | undefined): void {
    openEvents -= batch.records.length
    if (problem === undefined) batch.resolve()
    else batch.reject(problem)
  }

  function refuseWaiting(problem: Unavailable, isDue: (batch: Batch) => boolean = () => true): void {
    for (const batch of waiting.splice(0)) {
      if (!isDue(batch)) {
        waiting.push(batch)
        continue
      }
      waitingEvents -= batch.records.length
      settle(batch, problem)
    }
  }

  const sweep = setInterval(() => {
    if (flight === undefined) return
    const nowMs = performance.now()
    const ageMs = nowMs - flight.sentAtMs
    if (ageMs > STALLED_MS) refuseWaiting(STALLED, (it) => nowMs - it.waitingSinceMs > STALLED_MS)
    if (ageMs > GIVE_UP_MS) flight.session.end(`it has not answered for ${GIVE_UP_MS} ms`)
  }, SWEEP_MS)
  sweep.unref()

  return {
    publish,
    refusal,
    openEvents: () => openEvents,
    flights: () => flights,
    async [Symbol.asyncDispose]() {
      clearInterval(sweep)
      clearTimeout(timer)
      await sessions[Symbol.asyncDispose]()
    },
  }
}

function inDoubt(session: Session, error: unknown): Unavailable | Unknown {
  if (session.mayBeWritten()) return new Unknown(`Kafka did not acknowledge it (${reasonOf(error)}): it may have been written`)
  return new Unavailable(`Kafka is away (${reasonOf(error)}), nothing was written`, 1)
}

function newBatch(): Batch {
  let resolve!: Batch['resolve']
  let reject!: Batch['reject']
  const promise = new Promise<void>((...settlers) => { [resolve, reject] = settlers })
  // Those who wait have their own handlers; when a client has gone there may be none.
  promise.catch(() => {})
  return { records: [], waitingSinceMs: performance.now(), done: promise, resolve, reject }
}
