import type { Counts } from '../load/control.ts'
import type { RunRecord, TimedSample } from '../run/record.ts'
import { faultyStretches } from './faults.ts'
import { otherLoad } from './other-load.ts'
import { mean } from './statistics.ts'

/** One check of the measurement itself. */
export interface ValidityFinding {
  check: string
  ok: boolean | 'not judged'
  /** With the figures: what was measured against which bound. */
  says: string
}

const MIN_SEND_LAG_BOUND_MS = 5
const MAX_CPU_SHARE = 0.8
const MIN_ACHIEVED = 0.99
const LITTLE_TOLERANCE = 0.1
const LITTLE_MIN_SUM = 1_000
const MAX_STEAL = 0.05

/** Checks of how punctual the injector was in a phase: what fails one falsifies latencies, and neither rates nor CPU time nor accounting. */
const PUNCTUALITY = /^(send lag|injector's loop delay|injector's CPU|Little's law) in /

/** The first failed finding that falsifies everything, and the first that falsifies latencies alone. */
export function doubtsOf(findings: readonly ValidityFinding[]): { grave?: ValidityFinding; late?: ValidityFinding } {
  const failed = findings.filter(({ ok }) => ok === false)
  return { grave: failed.find(({ check }) => !PUNCTUALITY.test(check)), late: failed.find(({ check }) => PUNCTUALITY.test(check)) }
}

/** Can the figures be believed? Every check says what it saw; any that fails makes the run INVALID. */
export function judgeValidity(record: RunRecord): ValidityFinding[] {
  return [...accounting(record), ...injectorKeptUp(record), achieved(record), ...littlesLaw(record), ...closedLoop(record), ...bordersTried(record), ...machine(record)]
}

function accounting(record: RunRecord): ValidityFinding[] {
  const injected = record.injected
  if (injected === undefined) return [{ check: 'accounting', ok: false, says: 'the injector never reported its final counts' }]
  const findings = (['events', 'reads'] as const).map((kind) => identity(kind, injected.counts[kind]))
  const accounted = record.state.accounting
  if (accounted !== undefined) {
    const { events } = injected.counts
    const same = events.ok === accounted.ok && events.rejected === accounted.rejected && events.scheduled === accounted.scheduled && events.unknown === accounted.unknown
    findings.push({
      check: 'ledger',
      ok: same,
      says: same
        ? `the ledger holds all ${accounted.scheduled} scheduled events with the fates the injector counted`
        : `ledger (${accounted.scheduled} scheduled, ${accounted.ok} ok, ${accounted.rejected} rejected, ${accounted.unknown} unknown) and injector (${events.scheduled}, ${events.ok}, ${events.rejected}, ${events.unknown}) disagree`,
    })
  }
  return findings
}

/** A border that nobody tried to cross has not held. */
function bordersTried({ run, state }: RunRecord): ValidityFinding[] {
  if (!run.scenario.trespass) return []
  const attempts = state.trespass?.attempts ?? 0
  return [{ check: 'trespass', ok: attempts > 0, says: attempts > 0 ? `${attempts} attempts to cross a border were answered` : 'no attempt to cross a border was answered' }]
}

function identity(kind: 'events' | 'reads', counts: Counts): ValidityFinding {
  const sum = counts.ok + counts.rejected + counts.unknown + counts.inFlight + counts.neverSent
  return {
    check: `accounting of ${kind}`,
    ok: sum === counts.scheduled && counts.inFlight === 0,
    says: `${counts.scheduled} scheduled = ${counts.ok} ok + ${counts.rejected} rejected + ${counts.unknown} unknown + ${counts.inFlight} in flight + ${counts.neverSent} never sent${sum === counts.scheduled ? '' : ` — but these make ${sum}`}`,
  }
}

/** In open-loop phases the injector must not have been the bottleneck; a closed loop has no schedule to be late for. */
function injectorKeptUp(record: RunRecord): ValidityFinding[] {
  const phases = record.phases.filter((phase) => phase.measured && phase.open)
  const findings: ValidityFinding[] = []
  for (const phase of phases) {
    const lagMs = phase.sendLagMs?.p99
    const bound = Math.max(MIN_SEND_LAG_BOUND_MS, 0.1 * (phase.latencyMs?.p99 ?? 0))
    if (lagMs !== undefined) {
      findings.push({ check: `send lag in ${phase.name}`, ok: lagMs <= bound, says: `p99 ${lagMs.toFixed(1)} ms, allowed ${bound.toFixed(1)} ms` })
    }
    const delay = phase.loopDelayMs?.p99
    if (delay !== undefined) {
      findings.push({ check: `injector's loop delay in ${phase.name}`, ok: delay <= bound, says: `p99 ${delay.toFixed(1)} ms, allowed ${bound.toFixed(1)} ms` })
    }
    const shares = phase.samples.map((sample) => sample.injector?.cpuShare).filter((share) => share !== undefined)
    if (shares.length > 0) {
      const share = mean(shares)
      findings.push({ check: `injector's CPU in ${phase.name}`, ok: share <= MAX_CPU_SHARE, says: `${percent(share)} of a core, allowed ${percent(MAX_CPU_SHARE)}` })
    }
  }
  return findings
}

function achieved(record: RunRecord): ValidityFinding {
  const counts = record.phases.some((phase) => phase.open) ? record.injected?.counts : undefined
  if (counts === undefined) return { check: 'achieved load', ok: 'not judged', says: 'no open-loop phase' }
  const scheduled = counts.events.scheduled + counts.reads.scheduled
  const excused = neverSentUnderFaults(record)
  const sent = scheduled - counts.events.neverSent - counts.reads.neverSent + excused
  const refused = counts.events.rejected + counts.reads.rejected + counts.events.unknown + counts.reads.unknown
  const share = scheduled === 0 ? 1 : sent / scheduled
  return {
    check: 'achieved load',
    ok: share >= MIN_ACHIEVED || sent + refused >= MIN_ACHIEVED * scheduled,
    says: `${percent(share)} of what was offered left the injector, at least ${percent(MIN_ACHIEVED)} demanded${excused > 0 ? `; ${excused} that could not be sent while a fault was on count as sent` : ''}`,
  }
}

/** Where a fault kept the server from taking connections, it is not the injector that fell short. Whatever gave up by its timeout did so a while later. */
function neverSentUnderFaults(record: RunRecord): number {
  const stretches = faultyStretches(record)
  const lateMs = record.run.scenario.timeoutMs + 1_000
  const startMs = record.state.loadStartAtMs ?? 0
  const neverSent = (sample: TimedSample | undefined) => (sample === undefined ? 0 : sample.counts.events.neverSent + sample.counts.reads.neverSent)
  return record.samples.reduce((sum, sample, i) => {
    const atMs = sample.atMs ?? startMs + sample.second * 1_000
    const isUnder = stretches.some(({ fromMs, toMs }) => atMs > fromMs && atMs < toMs + lateMs)
    return sum + (isUnder ? Math.max(0, neverSent(sample) - neverSent(record.samples[i - 1])) : 0)
  }, 0)
}

/** Send rate × mean service time against requests in flight, counted from the sockets and not from the same timestamps. */
function littlesLaw(record: RunRecord): ValidityFinding[] {
  const stretches = faultyStretches(record)
  return record.phases
    .filter((phase) => phase.measured && phase.open && phase.sums !== undefined)
    .map((phase) => {
      const sums = phase.sums!
      const check = `Little's law in ${phase.name}`
      if (sums.inFlightSum < LITTLE_MIN_SUM || sums.serviceCount === 0) {
        return { check, ok: 'not judged' as const, says: `in-flight samples sum to ${sums.inFlightSum}, too few to judge (${LITTLE_MIN_SUM})` }
      }
      const predicted = (sums.sends / phase.seconds) * (sums.serviceSumUs / sums.serviceCount / 1e6)
      const counted = sums.inFlightSum / sums.inFlightSamples
      const off = counted / predicted - 1
      const under = stretches.find(({ fromMs, toMs }) => fromMs < phase.beganAtMs + phase.seconds * 1_000 && toMs > phase.beganAtMs)
      if (Math.abs(off) > LITTLE_TOLERANCE && under !== undefined) {
        return { check, ok: 'not judged' as const, says: `${percent(off)} off, but ${under.fault} ${under.service} made requests wait, and a mean says little of that` }
      }
      return {
        check,
        ok: Math.abs(off) <= LITTLE_TOLERANCE,
        says: `${counted.toFixed(2)} in flight counted, ${predicted.toFixed(2)} by rate × service time: ${off >= 0 ? '+' : ''}${percent(off)}, allowed ±${percent(LITTLE_TOLERANCE)}`,
      }
    })
}

function closedLoop(record: RunRecord): ValidityFinding[] {
  return (record.injected?.invalid ?? []).map((reason) => ({ check: 'closed loop', ok: false, says: reason }))
}

function machine(record: RunRecord): ValidityFinding[] {
  const samples = record.phases.filter((phase) => phase.measured).flatMap((phase) => phase.samples)
  if (samples.length === 0) return [{ check: 'machine', ok: 'not judged', says: 'no samples' }]
  const steal = mean(samples.map((sample) => sample.machine.stealShare))
  const cores = record.run.machine.cores
  return [
    { check: 'stolen CPU time', ok: steal <= MAX_STEAL, says: `${percent(steal)}, allowed ${percent(MAX_STEAL)}` },
    { check: "the machine's other load", ok: 'not judged', says: `${otherLoad(samples, cores).toFixed(2)} of ${cores} cores were busy with something else` },
  ]
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}
