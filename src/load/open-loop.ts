import { visitGroup } from './callers.ts'
import type { LoadPlan } from './control.ts'
import { CUSTOMERS, hash32, officeOrders, type Customer } from './customers.ts'
import { sourceOf } from './order-id.ts'
import { connectionPool } from './connection-pool.ts'
import { fifo } from './fifo.ts'
import type { CloseReason, HttpConnection } from './http-connection.ts'
import type { Reply } from './http-reply.ts'
import { customerPicker, scheduleOf, type Schedule } from './pacer.ts'
import { requestWriter } from './requests.ts'
import { backoffUs, later } from './retries.ts'
import { outcomeOf, tally, type Outcome, type Tally } from './tally.ts'
import { openVisits, type Visit } from './visit.ts'
import { OK, REJECTED, sourceLedger, UNKNOWN, type Fate, type SourceLedger } from '../measure/ledger.ts'

const TICK_MS = 1
const SWEEP_US = 10_000
/** How long answers are awaited after {@link OpenLoop.stop}. */
const STOP_GRACE_US = 2_000_000
const FATES: Partial<Record<Outcome, Fate>> = { ok: OK, rejected: REJECTED, unknown: UNKNOWN }
const COMMUTER = CUSTOMERS.indexOf('commuter')
const OFFICE = CUSTOMERS.indexOf('office')
const BROWSER = CUSTOMERS.indexOf('browser')

export interface OpenLoop {
  readonly tally: Tally
  readonly ledgers: readonly SourceLedger[]
  readonly connections: { open: number; opened: number; dropped: number }
  /** Resolves when every arrival has come and every visit has ended. */
  readonly done: Promise<void>
  /** No more arrivals; what waits is never sent, what is on a socket has 2 s to be answered. */
  stop(): void
}

export interface OpenLoopOptions {
  /** Arrivals other than those of the plan's phases (a benchmark's). */
  schedule?: Schedule
  tally?: Tally
  /**
   * From where latency counts. `sent` is the common mistake (a stalled server then looks fast, because nothing is sent while it
   * stalls); it is here so that the selftest can show that it would be caught.
   */
  latencyFrom?: 'intended' | 'sent'
}

/**
 * Arrivals leave on schedule whatever the server does. A 1 ms timer (and every answer) handles all that are due; nothing
 * waits for anything but a free connection. One function closing over the state of the loop: each step is a few lines.
 */
export function openLoop(plan: LoadPlan, clockUs: () => number, options: OpenLoopOptions = {}): OpenLoop {
  const { hostname, port, protocol } = new URL(plan.baseUrl)
  if (protocol !== 'http:') throw new Error(`baseUrl ${plan.baseUrl}: expected http://host:port`)
  const timeoutUs = plan.timeoutMs * 1000
  const schedule = options.schedule ?? scheduleOf(plan.phases, plan.seed)
  const counted = options.tally ?? tally(plan.phases)
  const fromSend = options.latencyFrom === 'sent'
  const picks = plan.phases.map(({ customers }) => customerPicker(customers ?? plan.customers, plan.seed))
  const write = requestWriter(plan)
  const groupOf = visitGroup(plan)
  const ledgerOf = (customer: Customer) => sourceLedger(sourceOf(plan.injector, CUSTOMERS.indexOf(customer)))
  const ledgers = [ledgerOf('commuter'), ledgerOf('office')]
  const open = openVisits()
  const waiting = fifo<Visit>()
  const retries = later<Visit>()
  const pool = connectionPool<Visit>(hostname, Number(port || 80), plan.connections, clockUs, {
    nextJob, waiting: () => waiting.length, send, onReply, onLost,
  })
  const finished = Promise.withResolvers<void>()
  const timer = setInterval(tick, TICK_MS)
  let arrivals = 0
  let sweepUs = 0
  let tickedUs = clockUs()
  let stopUs = Infinity
  counted.watch((seen) => pool.eachBusy((visit) => seen(visit.phase)))

  return { tally: counted, ledgers, connections: pool.connections, done: finished.promise, stop }

  function tick(): void {
    const nowUs = clockUs()
    counted.look(nowUs)
    counted.late(nowUs - tickedUs - TICK_MS * 1_000)
    tickedUs = nowUs
    handleDue(nowUs)
    if (nowUs < sweepUs) return
    sweepUs = nowUs + SWEEP_US
    sweep(nowUs)
  }

  function handleDue(nowUs: number): void {
    while (schedule.nextUs <= nowUs && nowUs < stopUs) {
      const { nextUs, phase } = schedule
      schedule.take()
      arrive(nextUs, phase, nowUs)
    }
  }

  function arrive(intendedUs: number, phase: number, nowUs: number): void {
    const number = arrivals++
    const profile = picks[phase]!(number)
    const visit: Visit = {
      profile, phase, intendedUs, sentUs: 0, sequence: number, events: 0, attempts: 0, unsure: false, limited: false, done: false,
      connection: undefined, before: undefined, after: undefined,
    }
    const ledger = ledgers[profile]
    if (ledger) {
      const timeMs = idTimeMs(visit)
      visit.sequence = ledger.append(timeMs)
      visit.events = profile === OFFICE ? officeOrders(plan.seed, visit.sequence) : 1
      for (let i = 1; i < visit.events; i++) ledger.append(timeMs)
    }
    counted.scheduled(countsOf(visit), visit.events || 1, phase)
    counted.phase(phase).sendLag.record(nowUs - intendedUs)
    open.add(visit)
    if (open.length > plan.maxOpen) {
      counted.failed('open-limit')
      end(visit, 'neverSent', Infinity, nowUs)
    } else submit(visit, nowUs)
  }

  function submit(visit: Visit, nowUs: number): void {
    const connection = waiting.length === 0 ? pool.take() : undefined
    if (connection) {
      send(connection, visit)
      return
    }
    waiting.push(visit)
    pool.grow(nowUs)
  }

  function nextJob(): Visit | undefined {
    for (let visit = waiting.shift(); visit !== undefined; visit = waiting.shift()) if (!visit.done) return visit
    return undefined
  }

  function send(connection: HttpConnection<Visit>, visit: Visit): void {
    const text = textOf(visit)
    visit.sentUs = clockUs()
    counted.look(visit.sentUs)
    if (visit.attempts++ === 0) {
      counted.sent(countsOf(visit), visit.events || 1)
      mark(visit, UNKNOWN)
    } else {
      counted.retries++
    }
    counted.phase(visit.phase).sends++
    visit.connection = connection
    connection.send(text, visit)
  }

  function textOf(visit: Visit): string {
    if (visit.profile === COMMUTER) return write.commuter(visit.sequence, idTimeMs(visit))
    if (visit.profile === OFFICE) return write.office(visit.sequence, visit.events, idTimeMs(visit))
    return visit.profile === BROWSER ? write.browser(visit.sequence, idTimeMs(visit)) : write.analyst(visit.sequence, idTimeMs(visit))
  }

  function onReply(visit: Visit, reply: Reply): void {
    const nowUs = offSocket(visit, clockUs())
    const { status } = reply
    const outcome = outcomeOf(status)
    visit.limited = status === 429
    if (visit.events > 0) counted.phase(visit.phase).service.record(nowUs - visit.sentUs)
    if (outcome === 'ok') end(visit, 'ok', nowUs, nowUs)
    else {
      counted.failed(String(status), reply.bodyStart)
      visit.unsure ||= outcome === 'unknown'
      const again = (outcome === 'unknown' || status === 503) && retry(visit, reply.retryAfterS, nowUs)
      if (!again) end(visit, failedAs(visit), nowUs, nowUs)
    }
    handleDue(nowUs)
  }

  function onLost(visit: Visit, why: CloseReason): void {
    const nowUs = offSocket(visit, clockUs())
    counted.failed(why)
    visit.unsure = true
    if (!retry(visit, 0, nowUs)) end(visit, 'unknown', Infinity, nowUs)
  }

  /** The visit's request is answered, lost or given up. */
  function offSocket(visit: Visit, nowUs: number): number {
    counted.look(nowUs)
    const at = counted.phase(visit.phase)
    at.serviceSumUs += nowUs - visit.sentUs
    at.serviceCount++
    visit.connection = undefined
    return nowUs
  }

  function retry(visit: Visit, retryAfterS: number, nowUs: number): boolean {
    if (visit.events === 0 || visit.attempts > plan.retries || nowUs >= stopUs) return false
    const atUs = nowUs + backoffUs(visit.attempts, retryAfterS, hash32(plan.seed ^ visit.attempts, visit.sequence) / 0x1_0000_0000)
    if (atUs >= visit.intendedUs + timeoutUs) return false
    retries.add(visit, atUs)
    return true
  }

  /** `answeredUs` is `Infinity` for what has no answer: it enters the histogram at the timeout at least. */
  function end(visit: Visit, outcome: Outcome, answeredUs: number, nowUs: number): void {
    visit.done = true
    open.remove(visit)
    const fate = FATES[outcome]
    if (fate !== undefined) mark(visit, fate)
    counted.ended(countsOf(visit), visit.events || 1, outcome, visit.phase)
    const at = counted.phase(visit.phase)
    const fromUs = fromSend && visit.attempts > 0 ? visit.sentUs : visit.intendedUs
    const latencyUs = answeredUs === Infinity ? Math.max(timeoutUs, nowUs - fromUs) : answeredUs - fromUs
    if (visit.events === 0) {
      at.readLatency.record(latencyUs)
      return
    }
    at.latency.record(latencyUs)
    if (groupOf === undefined) return
    const group = groupOf(ledgers[visit.profile]!.source, visit.sequence, idTimeMs(visit))
    counted.endedOf(group, visit.events, outcome, outcome === 'rejected' && visit.limited, latencyUs, visit.phase)
  }

  function mark(visit: Visit, fate: Fate): void {
    const ledger = ledgers[visit.profile]
    for (let i = 0; i < visit.events; i++) ledger!.set(visit.sequence + i, fate)
  }

  function sweep(nowUs: number): void {
    for (const visit of retries.due(nowUs)) if (!visit.done) submit(visit, nowUs)
    const deadlineUs = nowUs >= stopUs + STOP_GRACE_US ? Infinity : nowUs - timeoutUs
    let oldest = open.oldest()
    while (oldest !== undefined && oldest.intendedUs <= deadlineUs) {
      giveUp(oldest, nowUs, 'timeout')
      oldest = open.oldest()
    }
    while (waiting.peek()?.done) waiting.shift()
    pool.tend(nowUs)
    if (open.length === 0 && (schedule.nextUs === Infinity || nowUs >= stopUs)) {
      clearInterval(timer)
      pool.close()
      finished.resolve()
    }
  }

  function giveUp(visit: Visit, nowUs: number, why: 'timeout' | 'stopped'): void {
    const { connection } = visit
    if (connection) {
      offSocket(visit, nowUs)
      pool.drop(connection)
      visit.unsure = true
      counted.failed(why)
    } else if (visit.attempts === 0) counted.failed(why === 'stopped' ? why : pool.refused ? 'connect' : 'no-connection')
    end(visit, visit.attempts === 0 ? 'neverSent' : failedAs(visit), Infinity, nowUs)
  }

  function stop(): void {
    const nowUs = clockUs()
    stopUs = Math.min(stopUs, nowUs)
    let visit = open.oldest()
    while (visit !== undefined) {
      const { after } = visit
      if (!visit.connection) giveUp(visit, nowUs, 'stopped')
      visit = after
    }
  }

  function countsOf(visit: Visit): Tally['events'] {
    return visit.events > 0 ? counted.events : counted.reads
  }

  function idTimeMs(visit: Visit): number {
    return plan.startAtMs + Math.floor(visit.intendedUs / 1000)
  }
}

function failedAs(visit: Visit): Outcome {
  return visit.unsure ? 'unknown' : 'rejected'
}
