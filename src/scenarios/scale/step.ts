import type { Scenario } from '../scenario.ts'

export const QUESTIONS = [1, 2, 3, 4, 5, 6, 7] as const
export type Question = (typeof QUESTIONS)[number]
export type ScaleSize = 'full' | 'quick'

/** One experiment: a scenario on an architecture with knobs, so many times, each in a fresh system. Its scenario's id is the step's. */
export interface Step {
  id: string
  /** What it is an answer to; sections read each other's runs. */
  questions: readonly Question[]
  says: string
  kind: 'run' | 'search'
  architecture: string
  knobs: Readonly<Record<string, string | number>>
  scenario: Scenario
  /** Arrivals per second at rate 1. */
  ratePerSecond: number
  /** Orders of the last 30 days that are there before the load begins. */
  history: number
  repetitions: number
}

/** Bring-up, settling, accounting and teardown, s: supposed, rather too long, for two cores. */
const OVERHEAD_SECONDS: Readonly<Record<string, number>> = { null: 8, v0: 12, v1: 12, v2: 12, v3: 40, v4: 24, v5: 30 }
/** Orders of history written, and shown by the dashboard, in a second: supposed, a third of what v1 takes alone. */
const HISTORY_PER_SECOND = 50_000

/** What a step takes, s; of a search, with the probes that it needs as a rule: doubling, bisecting, confirming. */
export function secondsOf({ kind, architecture, scenario, history, repetitions }: Step): number {
  const load = scenario.phases.reduce((sum, { seconds }) => sum + seconds, 0)
  const once = load + (OVERHEAD_SECONDS[architecture] ?? 30) + history / HISTORY_PER_SECOND
  return repetitions * once * (kind === 'search' ? PROBES_AS_A_RULE : 1)
}

const PROBES_AS_A_RULE = 12

/** The rows of `--set`. */
export function setOf({ knobs }: Pick<Step, 'knobs'>): string[] {
  return Object.entries(knobs).map(([name, value]) => `${name}=${value}`)
}
