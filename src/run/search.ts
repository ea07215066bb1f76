import type { Percentiles } from './events.ts'

/**
 * How a probe of one rate ended. `late`: it cannot be believed, the injector did not keep up; `disturbed`: it cannot be believed, the machine or the
 * measurement was at fault; `data`: events were lost, doubled, invented, altered or miscounted.
 */
export type ProbeOutcome = 'passed' | 'failed' | 'late' | 'disturbed' | 'data'

/** Why a rate is tried. `repeat`: the probe before could not be believed, or as many passed as failed. */
export type Purpose = 'first' | 'double' | 'halve' | 'bisect' | 'confirm' | 'repeat'

export interface ProbeResult {
  /** From 1; the probe's own folder is `probes/<probe>`. */
  probe: number
  /** Orders per second. */
  rate: number
  outcome: ProbeOutcome
  /** One sentence each: what was missed, or why it cannot be believed. */
  reasons: string[]
  figures: ProbeFigures
  /** From bring-up to the end of teardown. */
  tookSeconds: number
  /** Of one that failed. */
  bottleneck?: Bottleneck
}

/** Of the hold, warm-up left out. */
export interface ProbeFigures {
  latencyMs?: Percentiles
  /** Share of orders refused, unknown or never sent. */
  errorRate?: number
  /** What the backlog grew by, as a share of what was offered. */
  backlogGrowth?: number
  drainSeconds?: number
  acceptedPerSecond?: number
}

/** What was used up while the rate did not hold. */
export interface Bottleneck {
  what: 'death' | 'core' | 'machine' | 'pool' | 'disk' | 'undecided'
  /** Which, where there are several: a service. */
  service?: string
  says: string
  /** Figures of the hold that it follows from, or that leave it open. */
  evidence: string[]
}

/** One end of the bracket, with how many of its probes passed and failed. */
export interface BracketEnd {
  rate: number
  passed: number
  failed: number
}

/** Where a search ended, and why. */
export interface SearchEnd {
  why:
    /** The bracket is narrow enough, and both ends are confirmed. */
    | 'found'
    /** Above `pass` the injector is late: what limits there is not the system. */
    | 'not-measurable'
    /** The highest rate that is tried holds. */
    | 'no-limit'
    /** Not even the lowest rate that is tried holds. */
    | 'none-holds'
    | 'data'
    /** A rate could not be measured, however often it was tried. */
    | 'disturbed'
    | 'too-many-probes'
  /** Highest rate that holds. */
  pass?: BracketEnd
  /** Lowest rate that fails. */
  fail?: BracketEnd
  /** Lowest rate at which the injector was late again and again. */
  notMeasurable?: number
}

/** The answer of a search. */
export interface Searched extends SearchEnd {
  /** What gave out first: seen where the lowest rate failed. */
  bottleneck?: Bottleneck
}
