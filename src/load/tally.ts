/**
 * What an injector counts. Counts are cumulative and add up at every moment; series hold what happened since the
 * last drain, by phase. Little's law needs its in-flight figure from elsewhere than the timestamps, so
 * {@link Tally.look} asks the sockets.
 */
import { GROUPS, type Counts, type Group, type GroupSums, type LoadPhase, type PhaseSeries, type PhaseSums } from './control.ts'
import { hash32 } from './customers.ts'
import { latencyRecorder, type LatencyRecorder } from '../measure/recorder.ts'

/** How a visit ended. */
export type Outcome = 'ok' | 'rejected' | 'unknown' | 'neverSent'

/** What one answer says: 2xx stored or taken over, 4xx or 503 nothing written, anything else leaves it open. */
export function outcomeOf(status: number): 'ok' | 'rejected' | 'unknown' {
  if (status >= 200 && status < 300) return 'ok'
  return status === 503 || (status >= 400 && status < 500) ? 'rejected' : 'unknown'
}

interface PhaseTally extends PhaseSums {
  latency: LatencyRecorder
  service: LatencyRecorder
  readLatency: LatencyRecorder
  sendLag: LatencyRecorder
  loopDelay: LatencyRecorder
  /** From the first visit of a group on. */
  groupLatency?: Record<Group, LatencyRecorder>
}

export interface Tally {
  readonly events: Counts
  readonly reads: Counts
  readonly errors: Record<string, number>
  readonly errorSamples: Record<string, string>
  retries: number
  phase(index: number): PhaseTally
  scheduled(counts: Counts, events: number, phase: number): void
  sent(counts: Counts, events: number): void
  ended(counts: Counts, events: number, outcome: Outcome, phase: number): void
  /** Beside `ended`, where groups are told apart. `limited`: it was refused with 429. */
  endedOf(group: Group, events: number, outcome: Outcome, limited: boolean, latencyUs: number, phase: number): void
  /** One failed request, by kind, with the beginning of what the server said. */
  failed(kind: string, said?: string): void
  /** Names sockets to look at: `eachOpen` calls back with the phase of every request that is on one now. Returns how to forget them. */
  watch(eachOpen: (seen: (phase: number) => void) => void): () => void
  /**
   * To be called with the time *before* anything changes: if moments to look at the sockets have passed since the last
   * call, what is open now was open then. The moments are 5 to 15 ms apart at random, so they do not keep step with
   * the tick that sends; looking at a fixed point of the tick would always see all or none of its requests.
   * Samples are counted in the phase that is on; what is open counts for the phase it belongs to, also after its end.
   */
  look(nowUs: number): void
  /** The timer came this much late; counted for the phase that was on at the last look. */
  late(delayUs: number): void
  /** The series since the last drain, phases without any left out. */
  drain(): PhaseSeries[]
}

const LOOK_MEAN_US = 10_000
/** After a stall longer than this the moments in between are skipped, not made up. */
const LOOKS_AT_ONCE = 1_000

export function tally(phases: readonly LoadPhase[]): Tally {
  const byPhase: (PhaseTally | undefined)[] = phases.map(() => undefined)
  let endUs = 0
  const endsUs = phases.map(({ durationMs }) => (endUs += durationMs * 1000))
  const sockets = new Set<(seen: (phase: number) => void) => void>()
  let current = 0
  let lookUs = 0
  let looks = 0
  let weight = 0
  const seen = (phase: number) => void (phaseOf(phase).inFlightSum += weight)

  const self: Tally = {
    events: noCounts(),
    reads: noCounts(),
    errors: {},
    errorSamples: {},
    retries: 0,
    phase: phaseOf,
    scheduled(counts, events, phase) {
      counts.scheduled += events
      counts.inFlight += events
      if (counts === self.events) phaseOf(phase).events.scheduled += events
    },
    sent(counts, events) {
      counts.sent += events
    },
    ended(counts, events, outcome, phase) {
      counts.inFlight -= events
      counts[outcome] += events
      if (counts === self.events) phaseOf(phase).events[outcome] += events
    },
    endedOf(group, events, outcome, limited, latencyUs, phase) {
      const at = phaseOf(phase)
      at.groups ??= noGroups()
      at.groupLatency ??= { noisy: latencyRecorder(), others: latencyRecorder() }
      const sums = at.groups[group]
      sums.scheduled += events
      sums[outcome] += events
      if (limited) sums.limited += events
      at.groupLatency[group].record(latencyUs)
    },
    failed(kind, said) {
      self.errors[kind] = (self.errors[kind] ?? 0) + 1
      if (said) self.errorSamples[kind] ??= said
    },
    watch(eachOpen) {
      sockets.add(eachOpen)
      return () => void sockets.delete(eachOpen)
    },
    look(nowUs) {
      if (nowUs < lookUs) return
      weight = 0
      while (lookUs <= nowUs && weight < LOOKS_AT_ONCE) {
        weight++
        while (current < endsUs.length && lookUs >= endsUs[current]!) current++
        if (current < endsUs.length) phaseOf(current).inFlightSamples++
        lookUs += LOOK_MEAN_US * (0.5 + hash32(0x100c, looks++) / 0x1_0000_0000)
      }
      if (lookUs <= nowUs) lookUs = nowUs
      for (const eachOpen of sockets) eachOpen(seen)
    },
    late(delayUs) {
      if (current < endsUs.length) phaseOf(current).loopDelay.record(delayUs)
    },
    drain() {
      const series: PhaseSeries[] = []
      byPhase.forEach((phase, index) => {
        if (phase && hasAny(phase)) series.push(drainPhase(phase, index))
      })
      return series
    },
  }
  return self

  function phaseOf(index: number): PhaseTally {
    return (byPhase[index] ??= {
      latency: latencyRecorder(),
      service: latencyRecorder(),
      readLatency: latencyRecorder(),
      sendLag: latencyRecorder(),
      loopDelay: latencyRecorder(),
      ...noSums(),
    })
  }
}

function noCounts(): Counts {
  return { scheduled: 0, sent: 0, ok: 0, rejected: 0, unknown: 0, neverSent: 0, inFlight: 0 }
}

/** Of nothing. */
export function noSums(): PhaseSums {
  return { events: { scheduled: 0, ok: 0, rejected: 0, unknown: 0, neverSent: 0 }, sends: 0, serviceSumUs: 0, serviceCount: 0, inFlightSum: 0, inFlightSamples: 0 }
}

function noGroups(): Record<Group, GroupSums> {
  const none = { scheduled: 0, ok: 0, rejected: 0, unknown: 0, neverSent: 0, limited: 0 }
  return { noisy: { ...none }, others: { ...none } }
}

/** Adds the second to the first, in place. */
export function addGroups(sum: PhaseSums, more: PhaseSums): void {
  if (more.groups === undefined) return
  sum.groups ??= noGroups()
  for (const group of GROUPS) {
    for (const figure of Object.keys(sum.groups[group]) as (keyof GroupSums)[]) sum.groups[group][figure] += more.groups[group][figure]
  }
}

function hasAny(phase: PhaseTally): boolean {
  const { latency, readLatency, sendLag, loopDelay, events, sends, serviceCount, inFlightSum, inFlightSamples } = phase
  return [events.scheduled, loopDelay.count, sends, serviceCount, inFlightSum, inFlightSamples, latency.count, readLatency.count, sendLag.count].some((figure) => figure > 0)
}

function drainPhase(tallied: PhaseTally, phase: number): PhaseSeries {
  const { events, sends, serviceSumUs, serviceCount, inFlightSum, inFlightSamples, groups } = tallied
  const series = {
    phase,
    latency: tallied.latency.drain(),
    service: tallied.service.drain(),
    readLatency: tallied.readLatency.drain(),
    sendLag: tallied.sendLag.drain(),
    loopDelay: tallied.loopDelay.drain(),
    ...(tallied.groupLatency && { noisyLatency: tallied.groupLatency.noisy.drain(), othersLatency: tallied.groupLatency.others.drain() }),
    ...(groups && { groups }),
    events, sends, serviceSumUs, serviceCount, inFlightSum, inFlightSamples,
  }
  Object.assign(tallied, noSums(), groups && { groups: noGroups() })
  return series
}
