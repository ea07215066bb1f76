import { EXIT } from '../run/errors.ts'
import type { ExpectationResult, Sample, Verdict } from '../run/events.ts'
import type { ProbeFigures, ProbeOutcome, ProbeResult } from '../run/search.ts'
import type { RunState } from '../run/state.ts'
import { bottleneckOf } from './bottleneck.ts'
import { otherLoad, TOLERABLE_OTHER_LOAD } from './other-load.ts'
import type { ValidityFinding } from './validity.ts'

type Judged = Pick<ProbeResult, 'outcome' | 'reasons' | 'figures' | 'bottleneck'>

/**
 * What a whole run at one rate says of that rate; `undefined` when it broke before it could say anything.
 *
 * A pass must be beyond doubt. A failure only needs that what failed cannot be the injector's doing: a system too slow for the rate leaves no connection
 * free and no steady state, so what it was offered falls short and Little's law is off; a late injector makes no backlog grow.
 */
export function judgeProbe(state: RunState): Judged | undefined {
  const { verdict, ended } = state
  if (verdict === undefined) return diedUnderLoad(state)
  const missed = verdict.expectations.filter(({ met }) => met === false)
  const figures = figuresOf(state, verdict)
  const notDrained = state.settle?.drained === false
  if (ended?.exitCode === EXIT.data && !(notDrained && onlyUndrained(state))) return { outcome: 'data', reasons: verdict.reasons, figures }
  const reasons = [
    ...(notDrained ? [`the backlog was not gone ${(state.settle!.tookMs / 1_000).toFixed(0)} s after the load, so its events cannot be accounted for`] : []),
    ...missed.map(({ says }) => says),
  ]
  const doubts = verdict.validity.filter(({ ok }) => ok === false)
  const doubted = doubtOf(doubts, missed, notDrained)
  if (doubted !== undefined) return { ...blamed(doubted, state), reasons: [...doubts.map(({ check, says }) => `${check}: ${says}`), ...othersSay(state), ...reasons], figures }
  if (reasons.length === 0 && verdict.outcome === 'passed') return { outcome: 'passed', reasons: [], figures }
  // Without one of its own: such as a socket that broke its promise.
  return { outcome: 'failed', reasons: reasons.length > 0 ? reasons : verdict.reasons, figures, bottleneck: bottleneckOf(heldSamples(state), coresOf(state)) }
}

/** A service that the load kills has not held it; one that never came up says nothing. */
function diedUnderLoad(state: RunState): Judged | undefined {
  const { ended } = state
  if (ended?.status !== 'failed' || ended.exitCode !== EXIT.expectation || state.loadStartAtMs === undefined) return undefined
  const death = ended.why?.split('\n')[0] ?? 'a service died'
  return { outcome: 'failed', reasons: [death], figures: {}, bottleneck: bottleneckOf(heldSamples(state), coresOf(state), death) }
}

/** What is still on its way when the waiting ends is missing in the store and in the dashboard, and says nothing of loss. */
function onlyUndrained({ accounting, trespass }: RunState): boolean {
  if (accounting === undefined) return false
  const { duplicated, phantom, unexpected, altered, leaked = 0 } = accounting
  return duplicated + phantom + unexpected + altered + leaked + (trespass?.leaks ?? 0) === 0
}

const OF_THE_INJECTOR = /^(send lag|injector's)/
/** What a system that does not keep up does to a measurement, all by itself. */
const OF_OVERLOAD = /^(achieved load|Little's law)/
/** What no injector can bring about by being late. */
const BEYOND_DOUBT = new Set<ExpectationResult['metric']>(['backlogGrowth', 'drainSeconds'])

function doubtOf(doubts: readonly ValidityFinding[], missed: readonly ExpectationResult[], notDrained: boolean): Extract<ProbeOutcome, 'late' | 'disturbed'> | undefined {
  const failed = missed.length > 0 || notDrained
  const certain = notDrained || missed.some(({ metric }) => BEYOND_DOUBT.has(metric))
  const left = doubts.filter(({ check }) => !(failed && OF_OVERLOAD.test(check)) && !(certain && OF_THE_INJECTOR.test(check)))
  if (left.length === 0) return undefined
  return left.every(({ check }) => OF_THE_INJECTOR.test(check) || OF_OVERLOAD.test(check)) ? 'late' : 'disturbed'
}

/** An injector that others kept from running is no border of what can be measured. */
function blamed(doubted: 'late' | 'disturbed', state: RunState): { outcome: 'late' | 'disturbed' } {
  return { outcome: othersSay(state).length > 0 ? 'disturbed' : doubted }
}

function othersSay(state: RunState): string[] {
  const cores = coresOf(state)
  const others = otherLoad(heldSamples(state), cores)
  return others < TOLERABLE_OTHER_LOAD * cores ? [] : [`${others.toFixed(1)} of ${cores} cores were busy with what is not the lab's`]
}

function coresOf({ run }: RunState): number {
  return run?.machine.cores ?? 1
}

function figuresOf(state: RunState, { expectations, latencyMs }: Verdict): ProbeFigures {
  const measured = (metric: ExpectationResult['metric']) => expectations.find((one) => one.metric === metric)?.measured
  const held = heldSamples(state)
  const accepted = held.reduce((sum, { rates }) => sum + rates.accepted, 0)
  return {
    latencyMs,
    errorRate: measured('errorRate'),
    backlogGrowth: measured('backlogGrowth'),
    drainSeconds: measured('drainSeconds') ?? (state.settle && state.settle.tookMs / 1_000),
    ...(held.length > 0 && { acceptedPerSecond: accepted / held.length }),
  }
}

function heldSamples({ run, samples }: RunState): Sample[] {
  const held = new Set(run?.scenario.phases.flatMap(({ name, warmup }) => (warmup ? [] : [name])))
  return samples.filter(({ phase }) => phase !== undefined && held.has(phase))
}
