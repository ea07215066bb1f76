import { setTimeout as sleep } from 'node:timers/promises'
import type { LoadPhase, LoadPlan } from '../load/control.ts'
import type { RunEvent } from '../run/events.ts'
import type { Scenario } from '../scenarios/scenario.ts'
import type { Caller } from '../system/architecture.ts'
import type { RunPlan } from './plan.ts'

/** Time for the injector to receive its plan and be ready before the first arrival is due. */
const HEAD_START_MS = 500

/** The scenario's phases at the run's base rate. */
export function loadPhases(scenario: Scenario, baseRate: number): LoadPhase[] {
  return scenario.phases.map(({ name, seconds, shape, customers, noisyShare }) => ({
    name,
    ...(customers && { customers }),
    ...(noisyShare !== undefined && { noisyShare }),
    durationMs: Math.round(seconds * 1_000),
    shape:
      shape.kind === 'saturation'
        ? shape
        : shape.kind === 'ramp'
          ? { kind: 'ramp', from: shape.from * baseRate, to: shape.to * baseRate }
          : { kind: shape.kind, rate: shape.rate * baseRate },
  }))
}

/** What one injector is told; `startAtMs` lies a little ahead. */
export function loadPlan(plan: RunPlan, loadUrl: string, injector: number, callers: Caller[]): LoadPlan {
  const { scenario } = plan
  return {
    baseUrl: loadUrl,
    path: `/api/${plan.architecture.id}`,
    headers: {},
    callers,
    seed: plan.seed,
    runTag: plan.runTag,
    injector,
    startAtMs: Date.now() + HEAD_START_MS,
    phases: loadPhases(scenario, plan.baseRate),
    customers: scenario.customers,
    connections: scenario.connections,
    maxOpen: MAX_OPEN,
    timeoutMs: scenario.timeoutMs,
    retries: scenario.retries,
  }
}

/** Arrivals waiting or on the wire at the most: 10 s of a 2,000/s stall. Beyond it they are never sent, and counted. */
const MAX_OPEN = 20_000

/** Says when each phase begins and ends, by the plan's clock. */
export async function announcePhases(load: LoadPlan, emit: (event: PhaseEvent) => void, signal: AbortSignal): Promise<void> {
  let atMs = load.startAtMs
  for (const [index, phase] of load.phases.entries()) {
    await sleep(Math.max(0, atMs - Date.now()), undefined, { signal })
    emit({ type: 'phase-began', phase: phase.name, index })
    atMs += phase.durationMs
    await sleep(Math.max(0, atMs - Date.now()), undefined, { signal })
    emit({ type: 'phase-ended', phase: phase.name, index })
  }
}

type PhaseEvent = Extract<RunEvent, { type: 'phase-began' | 'phase-ended' }> extends infer E ? (E extends { atMs: number } ? Omit<E, 'atMs'> : never) : never

/** Which phase a moment belongs to; `undefined` before and after the load. */
export function phaseClock(load: LoadPlan): (atMs: number) => string | undefined {
  return (atMs) => {
    let endMs = load.startAtMs
    if (atMs < endMs) return undefined
    for (const phase of load.phases) {
      endMs += phase.durationMs
      if (atMs < endMs) return phase.name
    }
    return undefined
  }
}

/** When the cumulative count of sent events passed a value, by linear interpolation between snapshots. */
export interface SentCurve {
  add(atMs: number, sent: number): void
  atMs(count: number): number | undefined
}

/** A minute of snapshots: freshness beyond that is shown as the age of the oldest. */
const CURVE_POINTS = 600

export function sentCurve(): SentCurve {
  const points: { atMs: number; sent: number }[] = []
  return {
    add(atMs, sent) {
      points.push({ atMs, sent })
      if (points.length > CURVE_POINTS) points.shift()
    },
    atMs(count) {
      const after = points.findIndex((point) => point.sent >= count)
      if (after < 0) return points.at(-1)?.atMs
      const right = points[after]!
      const left = points[after - 1]
      if (left === undefined) return right.atMs
      return left.atMs + ((count - left.sent) / Math.max(1, right.sent - left.sent)) * (right.atMs - left.atMs)
    },
  }
}
