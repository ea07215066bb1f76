import autocannon from 'autocannon'
import { visitGroup } from './callers.ts'
import type { LoadPlan } from './control.ts'
import { profileNumber } from './customers.ts'
import { sourceOf } from './order-id.ts'
import { requestWriter } from './requests.ts'
import { outcomeOf, type Outcome, type Tally } from './tally.ts'
import { OK, REJECTED, sourceLedger, UNKNOWN, type Fate, type SourceLedger } from '../measure/ledger.ts'

/** What of autocannon's client is used beyond its types: an event before every request, and the number after which a client ends itself. */
interface CannonClient {
  on(event: 'request' | 'done' | 'connError', listener: () => void): void
  on(event: 'response', listener: (status: number) => void): void
  on(event: 'headers', listener: (head: { statusCode: number; shouldKeepAlive: boolean }) => void): void
  setBody(body: string): void
  setHeadersAndBody(headers: Record<string, string>, body: string): void
  responseMax: number | undefined
  /** 1: it opens another connection after the answer that is coming in, which then comes as no `response`. */
  reconnectRate: number | undefined
}

export interface ClosedLoop {
  /** Runs the saturation phase `phase` (an index of the plan) from now on; resolves when its last request is answered or given up. */
  run(phase: number): Promise<void>
  /** Sends nothing more; what is open has 2 s to be answered. */
  stop(): void
  readonly ledger: SourceLedger
  /** Why this load cannot be believed. */
  readonly invalid: readonly string[]
  readonly connections: { open: number; opened: number; dropped: number }
}

const STOP_GRACE_MS = 2_000
/** autocannon ends a round at the next of these once all its clients are done. */
const SAMPLE_MS = 100
const FATES: Partial<Record<Outcome, Fate>> = { ok: OK, rejected: REJECTED, unknown: UNKNOWN }

/**
 * Saturation: `connections` of autocannon, each sending its next order as soon as the one before is answered. Only its
 * sockets and parser are used: times, outcomes and histograms are our own, because its latencies are whole ms. No rate is
 * given, so it corrects nothing either (it refuses `ignoreCoordinatedOmission` where there is no rate). After a
 * dropped connection its queue and parser are out of step (a later reply is paired with an earlier request), so a client
 * that was dropped is believed no more: both orders stay unknown, it retires, and the run is invalid.
 */
export function closedLoop(plan: LoadPlan, clockUs: () => number, tally: Tally): ClosedLoop {
  const ledger = sourceLedger(sourceOf(plan.injector, profileNumber('saturation')))
  const write = requestWriter(plan)
  const groupOf = visitGroup(plan)
  const connections = { open: 0, opened: 0, dropped: 0 }
  const invalid: string[] = []
  const running = new Set<{ end(): void; cut(): void }>()
  let stopped = false
  return { run, stop, ledger, invalid, connections }

  async function run(phase: number): Promise<void> {
    const { name, shape, durationMs } = plan.phases[phase]!
    if (shape.kind !== 'saturation') throw new Error(`phase ${name}: a ${shape.kind} shape cannot run in a closed loop`)
    if (stopped) return
    const clients: CannonClient[] = []
    const droppedBefore = connections.dropped
    let busy = 0
    const unwatch = tally.watch((seen) => {
      for (let i = 0; i < busy; i++) seen(phase)
    })
    const over = Promise.withResolvers<void>()
    const setupClient = (client: CannonClient): void => {
      clients.push(client)
      follow(client, phase, (by) => (busy += by))
    }
    const options = {
      url: `${plan.baseUrl}${plan.path}/order`,
      method: 'POST',
      headers: { ...plan.headers, 'Content-Type': 'application/json' },
      connections: shape.connections,
      pipelining: 1,
      // It takes no less.
      timeout: Math.max(1, plan.timeoutMs / 1000),
      // The end is ours (below); this only bounds it.
      duration: (durationMs + 2 * plan.timeoutMs) / 1000 + 5,
      sampleInt: SAMPLE_MS,
      skipAggregateResult: true,
      setupClient,
    }
    const cannon = autocannon(options as unknown as autocannon.Options, (error) => {
      if (error) over.reject(error as Error)
      else over.resolve()
    })
    // A client ends itself instead of making request number `responseMax` + 1: after its answer.
    const round = { end: () => clients.forEach((client) => (client.responseMax = 1)), cut: () => cannon.stop() }
    running.add(round)
    const timer = setTimeout(round.end, durationMs)
    try {
      await over.promise
    } finally {
      clearTimeout(timer)
      unwatch()
      running.delete(round)
    }
    const dropped = connections.dropped - droppedBefore
    if (dropped === 0) return
    invalid.push(`${name}: ${dropped} of ${shape.connections} closed-loop connections dropped; the rest carried less than the load asked for`)
  }

  /** Gives one client unique orders and keeps account of them. */
  function follow(client: CannonClient, phase: number, busy: (by: 1 | -1) => void): void {
    const at = tally.phase(phase)
    let sequence = -1
    let timeMs = 0
    let sentUs = 0
    let retired = false
    connections.open++
    connections.opened++
    client.on('request', () => {
      client.reconnectRate = undefined
      if (sequence >= 0) dropped()
      const nowUs = clockUs()
      tally.look(nowUs)
      timeMs = plan.startAtMs + Math.floor(nowUs / 1000)
      sequence = ledger.append(timeMs)
      ledger.set(sequence, UNKNOWN)
      tally.scheduled(tally.events, 1, phase)
      tally.sent(tally.events, 1)
      at.sends++
      busy(1)
      const body = write.saturationBody(sequence, timeMs)
      if (write.saturationHeaders) client.setHeadersAndBody(write.saturationHeaders(sequence, timeMs), body)
      else client.setBody(body)
      sentUs = clockUs()
    })
    client.on('response', answered)
    // By itself it would send its next request on the connection that the server has just said it closes.
    client.on('headers', ({ statusCode, shouldKeepAlive }) => {
      if (shouldKeepAlive || statusCode < 200) return
      answered(statusCode)
      client.reconnectRate = 1
    })
    client.on('connError', () => retire())
    client.on('done', () => {
      if (sequence >= 0) dropped()
      connections.open--
    })

    function answered(status: number): void {
      if (sequence < 0 || retired) return
      const nowUs = clockUs()
      at.service.record(nowUs - sentUs)
      if (status < 200 || status > 299) tally.failed(String(status))
      end(outcomeOf(status), nowUs - sentUs, nowUs, status === 429)
    }

    function dropped(): void {
      const nowUs = clockUs()
      const timedOut = nowUs - sentUs >= plan.timeoutMs * 1000
      tally.failed(timedOut ? 'timeout' : 'reset')
      end('unknown', Math.max(nowUs - sentUs, plan.timeoutMs * 1000), nowUs)
      if (!stopped) retire()
    }

    function retire(): void {
      if (!retired) connections.dropped++
      retired = true
      client.responseMax = 1
    }

    function end(outcome: Outcome, latencyUs: number, nowUs: number, limited = false): void {
      tally.look(nowUs)
      ledger.set(sequence, FATES[outcome]!)
      tally.ended(tally.events, 1, outcome, phase)
      at.latency.record(latencyUs)
      if (groupOf) tally.endedOf(groupOf(ledger.source, sequence, timeMs), 1, outcome, limited, latencyUs, phase)
      at.serviceSumUs += nowUs - sentUs
      at.serviceCount++
      busy(-1)
      sequence = -1
    }
  }

  function stop(): void {
    stopped = true
    for (const round of running) {
      round.end()
      setTimeout(round.cut, STOP_GRACE_MS).unref()
    }
  }
}
