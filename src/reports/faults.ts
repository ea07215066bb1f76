import type { Counts } from '../load/control.ts'
import { failures, type RunRecord, type TimedSample } from '../run/record.ts'
import type { FaultState } from '../run/state.ts'
import type { ScenarioFault } from '../scenarios/scenario.ts'
import type { FaultExpectation } from '../system/architecture.ts'
import type { FaultAccounting } from './by-fault.ts'
import { mean, median } from './statistics.ts'

/** What one fault did, seen from outside. Moments in seconds since the load began. */
export interface FaultFigures {
  fault: string
  service: string
  replica: number
  value?: string
  atSeconds: number
  /** As planned; absent: over at once. */
  forSeconds?: number
  /** Until the service was ready again; absent: it never was. */
  lastedSeconds?: number
  /** Of these, how long it took once the lab had lifted the fault. */
  backAfterSeconds?: number
  /** Answers that came, and orders given up, from the injection until clients had recovered (or the next fault, or the end). */
  clients: { ok: number; rejected: number; unknown: number; neverSent: number; failedReads: number }
  /** By status or reason, how many attempts went wrong in that time. */
  codes: Record<string, number>
  /** Of the events and reads that ended in that time, which part went well, and which was answered so that one knows (well, or refused). */
  availability?: { ok: number; answered: number }
  /** From the moment the fault was lifted until an order was accepted; absent: not seen. Whole seconds, rounded up. */
  firstSuccessAfterSeconds?: number
  /** Until the backlog was back. */
  drainedAfterSeconds?: number
  /** Of events due around it. */
  accounting?: FaultAccounting
  /** From the moment the fault was lifted until nothing failed any more and the backlog was back; absent: not seen. Whole seconds, rounded up. */
  recoveredAfterSeconds?: number
  /** What the architecture says it must look like. */
  expected?: FaultExpectation
  met: boolean | 'not judged'
  /** With what was seen; why not, where it was not judged. */
  says: string
}

/** One sample a second: what it tells is known to a second. */
const RESOLUTION_S = 1
const BEFORE_SAMPLES = 5
/** A backlog is back when it is below what comes in in a second, or not much more than it was. */
const BACKLOG_FACTOR = 2
/** Load that rose by more than this may itself be why things did not get better. */
const RISEN = 1.2

/** The faults of a run, each held against what its architecture says of it. */
export function judgeFaults(record: RunRecord): FaultFigures[] {
  return record.state.faults.map((fault, index) => {
    const accounting = record.state.accounting?.byFault?.[index]
    return { ...judgeFault(fault, record.state.faults[index + 1]?.injectedAtMs ?? Infinity, record), ...(accounting && { accounting }) }
  })
}

/** Planned, and never injected: the run was over before, or the service was not there. */
export function neverInjected(record: RunRecord): string[] {
  return missingFaults(record).map((planned) => `${planned.fault} ${planned.service} at ${planned.atSeconds.toFixed(1)} s was never injected`)
}

export function missingFaults({ run, state }: RunRecord): ScenarioFault[] {
  const left = [...state.faults]
  return (run.scenario.faults ?? []).flatMap((planned) => {
    const at = left.findIndex(({ fault, service, replica }) => fault === planned.fault && service === planned.service && replica === planned.replica)
    if (at >= 0) {
      left.splice(at, 1)
      return []
    }
    return [planned]
  })
}

/** Stretches, ms since the epoch, in which a fault decided what clients saw: from its injection until they had recovered. */
export function faultyStretches(record: RunRecord): { fault: string; service: string; fromMs: number; toMs: number; added: boolean }[] {
  return judgeFaults(record).map((figures, index) => {
    const { fault, service, replica, injectedAtMs, healedAtMs } = record.state.faults[index]!
    const liftedAtMs = healedAtMs === undefined ? Infinity : healedAtMs - (record.state.faults[index]!.tookMs ?? 0)
    const nextMs = record.state.faults[index + 1]?.injectedAtMs ?? Infinity
    const recoveredMs = figures.recoveredAfterSeconds === undefined ? nextMs : liftedAtMs + figures.recoveredAfterSeconds * 1_000
    const planned = (record.run.scenario.faults ?? []).find((one) => one.fault === fault && one.service === service && one.replica === replica)
    return { fault, service, fromMs: injectedAtMs, toMs: Math.max(recoveredMs, healedAtMs ?? 0), added: planned?.added === true }
  })
}

function judgeFault(fault: FaultState, untilMs: number, record: RunRecord): FaultFigures {
  const startMs = record.state.loadStartAtMs ?? fault.injectedAtMs
  const samples = record.samples.map((sample) => ({ ...sample, atMs: sample.atMs ?? startMs + sample.second * 1_000 }))
  const before = samples.filter(({ atMs }) => atMs <= fault.injectedAtMs)
  const after = samples.filter(({ atMs }) => atMs > fault.injectedAtMs && atMs - RESOLUTION_S * 1_000 < untilMs)
  const liftedAtMs = fault.healedAtMs === undefined ? undefined : fault.healedAtMs - (fault.tookMs ?? 0)
  const recovered = liftedAtMs === undefined ? undefined : recoveredAt(before, after, liftedAtMs)
  const recoveredAfterSeconds = recovered === undefined ? undefined : Math.max(0, Math.ceil((recovered.atMs - liftedAtMs!) / 1_000))
  const clients = between(before.at(-1), recovered ?? after.at(-1))
  const expected = (record.run.faultExpectations ?? []).find((one) => isAbout(one, fault))
  const end = recovered ?? after.at(-1)
  const since = (found: Timed | undefined) => (found === undefined ? undefined : Math.max(0, Math.ceil((found.atMs - liftedAtMs!) / 1_000)))
  const firstSuccessAfterSeconds = since(liftedAtMs === undefined ? undefined : after.find((sample, i) => sample.atMs >= liftedAtMs && between(after[i - 1] ?? before.at(-1), sample).ok > 0))
  const drainedAfterSeconds = since(liftedAtMs === undefined ? undefined : drainedAt(before, after, liftedAtMs))
  const availability = availabilityBetween(before.at(-1), end)
  return {
    fault: fault.fault,
    service: fault.service,
    replica: fault.replica,
    ...(fault.value !== undefined && { value: fault.value }),
    atSeconds: seconds(fault.injectedAtMs - startMs),
    ...(fault.forMs !== undefined && { forSeconds: seconds(fault.forMs) }),
    ...(fault.healedAtMs !== undefined && { lastedSeconds: seconds(fault.healedAtMs - fault.injectedAtMs) }),
    ...(fault.tookMs !== undefined && { backAfterSeconds: seconds(fault.tookMs) }),
    clients,
    codes: codesBetween(before.at(-1), end),
    ...(availability && { availability }),
    ...(firstSuccessAfterSeconds !== undefined && { firstSuccessAfterSeconds }),
    ...(drainedAfterSeconds !== undefined && { drainedAfterSeconds }),
    ...(recoveredAfterSeconds !== undefined && { recoveredAfterSeconds }),
    ...(expected && { expected }),
    ...held(expected, { clients, recoveredAfterSeconds, before, after, liftedAtMs, untilMs }),
  }
}

interface Seen {
  clients: FaultFigures['clients']
  recoveredAfterSeconds: number | undefined
  before: Timed[]
  after: Timed[]
  liftedAtMs: number | undefined
  untilMs: number
}

type Timed = TimedSample & { atMs: number }

function held(expected: FaultExpectation | undefined, seen: Seen): Pick<FaultFigures, 'met' | 'says'> {
  if (expected === undefined) return { met: 'not judged', says: 'the architecture says nothing of it' }
  if (seen.after.length === 0) return { met: 'not judged', says: 'no samples after it' }
  const parts = [clientsHeld(expected, seen), recoveryHeld(expected, seen)]
  const met = parts.some((part) => part.met === false) ? false : parts.some((part) => part.met === 'not judged') ? 'not judged' : true
  return { met, says: parts.map((part) => part.says).join('; ') }
}

function clientsHeld({ clients: allowed }: FaultExpectation, { clients, before }: Seen): Pick<FaultFigures, 'met' | 'says'> {
  const { rejected, unknown, neverSent, failedReads } = clients
  const saw = `clients saw ${[rejected > 0 && `${rejected} rejected`, unknown > 0 && `${unknown} unknown`, neverSent > 0 && `${neverSent} never sent`, failedReads > 0 && `${failedReads} failed reads`].filter(Boolean).join(', ') || 'nothing'}`
  const broken = allowed === 'nothing' ? rejected + unknown + neverSent + failedReads > 0 : allowed === 'rejected' ? unknown + neverSent > 0 : false
  if (!broken) return { met: true, says: saw }
  const recent = between(before.at(-1 - BEFORE_SAMPLES), before.at(-1))
  if (failures(recent) + recent.failedReads > 0) return { met: 'not judged', says: `${saw}, but orders or reads had failed before it, too` }
  return { met: false, says: saw }
}

function recoveryHeld({ recoversWithinS }: FaultExpectation, { recoveredAfterSeconds, before, after, liftedAtMs, untilMs }: Seen): Pick<FaultFigures, 'met' | 'says'> {
  if (liftedAtMs === undefined) return { met: 'not judged', says: 'it was never healed' }
  if (recoveredAfterSeconds !== undefined) {
    return { met: recoveredAfterSeconds <= recoversWithinS + RESOLUTION_S, says: `recovered after ${recoveredAfterSeconds} s` }
  }
  const watchedS = (Math.min(untilMs, after.at(-1)!.atMs) - liftedAtMs) / 1_000
  if (watchedS < recoversWithinS) return { met: 'not judged', says: `not recovered when ${untilMs === Infinity ? 'the samples ended' : 'the next fault came'}, ${Math.max(0, Math.floor(watchedS))} s after it` }
  const offered = (some: Timed[]) => mean(some.slice(-BEFORE_SAMPLES).map((sample) => sample.rates.offered))
  const then = after.filter(({ atMs }) => atMs > liftedAtMs && atMs <= liftedAtMs + recoversWithinS * 1_000)
  if (offered(then) > RISEN * offered(before)) return { met: 'not judged', says: `not recovered within ${recoversWithinS} s, but the load rose meanwhile` }
  return { met: false, says: `not recovered within ${Math.floor(watchedS)} s` }
}

/** The first of two seconds in a row without a failure, with answers coming, and the backlog back where it was. */
function recoveredAt(before: Timed[], after: Timed[], liftedAtMs: number): Timed | undefined {
  const usual = backlogBefore(before)
  const isFine = (index: number): boolean => {
    const sample = after[index]!
    const { ok, failedReads, ...failed } = between(after[index - 1] ?? before.at(-1), sample)
    if (failures(failed) + failedReads > 0) return false
    if (sample.counts.events.inFlight > 0 && ok === 0) return false
    return usual === undefined || isDrained(sample, usual)
  }
  for (const [index, sample] of after.entries()) {
    if (sample.atMs < liftedAtMs || !isFine(index)) continue
    if (index + 1 === after.length || isFine(index + 1)) return sample
  }
  return undefined
}

function isDrained({ backlog, rates }: Timed, usual: number): boolean {
  return backlog !== undefined && backlog <= Math.max(BACKLOG_FACTOR * usual, rates.offered)
}

/** The first of two seconds in a row with the backlog back where it was. */
function drainedAt(before: Timed[], after: Timed[], liftedAtMs: number): Timed | undefined {
  const usual = backlogBefore(before)
  if (usual === undefined) return undefined
  return after.find((sample, i) => sample.atMs >= liftedAtMs && isDrained(sample, usual) && (i + 1 === after.length || isDrained(after[i + 1]!, usual)))
}

/** What is said of `latency` by 200 ms holds for that much alone. */
function isAbout(expected: FaultExpectation, { fault, service, value }: FaultState): boolean {
  return expected.fault === fault && expected.service === service && expected.value === value
}

function codesBetween(from: TimedSample | undefined, to: TimedSample | undefined): Record<string, number> {
  const grown = Object.entries(to?.errors ?? {}).map(([code, count]) => [code, count - (from?.errors[code] ?? 0)] as const)
  return Object.fromEntries(grown.filter(([, count]) => count > 0))
}

/** What was answered for certain, well or with a refusal; who got no answer, or one that leaves it open (504), was not. */
function availabilityBetween(from: TimedSample | undefined, to: TimedSample | undefined): FaultFigures['availability'] {
  const sum = (...fates: (keyof Counts)[]) =>
    (['events', 'reads'] as const).reduce((all, kind) => all + fates.reduce((some, fate) => some + Math.max(0, (to?.counts[kind][fate] ?? 0) - (from?.counts[kind][fate] ?? 0)), 0), 0)
  const ended = sum('ok', 'rejected', 'unknown', 'neverSent')
  return ended === 0 ? undefined : { ok: sum('ok') / ended, answered: sum('ok', 'rejected') / ended }
}

/** `undefined` where nobody can tell what a backlog that is back would be: none was seen, or it was large already. */
function backlogBefore(before: Timed[]): number | undefined {
  const recent = before.slice(-BEFORE_SAMPLES)
  const known = recent.map(({ backlog }) => backlog).filter((backlog) => backlog !== undefined)
  if (known.length === 0) return undefined
  const usual = median(known)
  return usual <= BACKLOG_FACTOR * Math.max(1, mean(recent.map(({ rates }) => rates.offered))) ? usual : undefined
}

/** What ended between two samples. */
function between(from: TimedSample | undefined, to: TimedSample | undefined): FaultFigures['clients'] {
  const of = (sample: TimedSample | undefined, kind: 'events' | 'reads', fate: keyof Counts) => sample?.counts[kind][fate] ?? 0
  const grown = (kind: 'events' | 'reads', fate: keyof Counts) => Math.max(0, of(to, kind, fate) - of(from, kind, fate))
  return {
    ok: grown('events', 'ok'),
    rejected: grown('events', 'rejected'),
    unknown: grown('events', 'unknown'),
    neverSent: grown('events', 'neverSent'),
    failedReads: grown('reads', 'rejected') + grown('reads', 'unknown') + grown('reads', 'neverSent'),
  }
}

function seconds(ms: number): number {
  return Math.round(ms / 100) / 10
}
