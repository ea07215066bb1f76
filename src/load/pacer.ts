/**
 * When arrivals happen. No clock in here: a phase's shape is a rate curve, its integral A(t) counts arrivals,
 * and the k-th arrival is due at the t where A(t) = k. So counts are exact (a ramp's are its area), nothing
 * drifts over hours, and a fraction of an arrival left at the end of a phase is carried into the next one.
 */
import type { LoadPhase, LoadPlan, Shape } from './control.ts'
import { CUSTOMERS, hash32, type Customer } from './customers.ts'

/** One deterministic phase (constant or ramp): rates in arrivals per µs, times in µs since the first phase began. */
export interface Segment {
  phase: number
  startUs: number
  durationUs: number
  from: number
  to: number
  /** Where on the curve the first arrival lies, 0 ≤ carry < 1: what the phases before left over. */
  carry: number
  /** Arrivals in this phase. */
  count: number
}

/** Arrivals whose curve value comes closer than this to a whole number count as that number (0.1 × 30 is not quite 3). */
const EPSILON = 1e-6

/** The area under the rate curve after `localUs` of the segment. */
export function arrivalsBy(segment: Pick<Segment, 'from' | 'to' | 'durationUs'>, localUs: number): number {
  return (segment.from + ((segment.to - segment.from) * localUs) / (2 * segment.durationUs)) * localUs
}

/** µs after the segment's start when its k-th arrival (from 0) is due. */
export function arrivalUs(segment: Segment, k: number): number {
  const area = segment.carry + k
  if (area <= 0) return 0
  // The root of A(t) = area in the form that stays exact when from = to, and when either is 0.
  const slope = (segment.to - segment.from) / segment.durationUs
  const root = Math.sqrt(Math.max(0, segment.from * segment.from + 2 * slope * area))
  return Math.min(segment.durationUs, (2 * area) / (segment.from + root))
}

/** How many arrivals of the segment are due `localUs` after its start. */
export function dueBy(segment: Segment, localUs: number): number {
  if (localUs < 0) return 0
  let due = Math.floor(arrivalsBy(segment, Math.min(localUs, segment.durationUs)) - segment.carry) + 1
  due = Math.max(0, Math.min(segment.count, due))
  while (due < segment.count && arrivalUs(segment, due) <= localUs) due++
  while (due > 0 && arrivalUs(segment, due - 1) > localUs) due--
  return due
}

/** The open-loop phases as curves; Poisson and saturation phases only take their time (count 0). */
export function segmentsOf(phases: readonly LoadPhase[]): Segment[] {
  let startUs = 0
  let carry = 0
  return phases.map(({ shape, durationMs }, phase) => {
    const durationUs = durationMs * 1000
    const { from, to } = ratesOf(shape)
    const area = arrivalsBy({ from, to, durationUs }, durationUs)
    const count = Math.max(0, Math.ceil(area - carry - EPSILON))
    const segment = { phase, startUs, durationUs, from, to, carry, count }
    carry = shape.kind === 'constant' || shape.kind === 'ramp' ? Math.max(0, carry + count - area) : 0
    startUs += durationUs
    return segment
  })
}

function ratesOf(shape: Shape): { from: number; to: number } {
  if (shape.kind === 'constant') return { from: shape.rate / 1e6, to: shape.rate / 1e6 }
  if (shape.kind === 'ramp') return { from: shape.from / 1e6, to: shape.to / 1e6 }
  return { from: 0, to: 0 }
}

/** µs between arrival k − 1 and k of a Poisson process (inverse of the exponential distribution), the same for the same seed. */
export function poissonGapUs(seed: number, k: number, ratePerSecond: number): number {
  return (-Math.log((hash32(seed, k) + 1) / 0x1_0000_0000) / ratePerSecond) * 1e6
}

/** Arrivals one after the other: a cursor over all phases. */
export interface Schedule {
  /** When the next arrival is due, µs since the first phase began; `Infinity` when none is left. */
  readonly nextUs: number
  /** Index of the phase that the next arrival belongs to. */
  readonly phase: number
  /** Takes the next arrival. */
  take(): void
}

export function scheduleOf(phases: readonly LoadPhase[], seed: number): Schedule {
  const segments = segmentsOf(phases)
  const cursor = { nextUs: 0, phase: -1, take }
  /** Arrivals taken of the current phase. */
  let k = 0
  let poissonUs = 0
  enter(0)
  return cursor

  function enter(phase: number): void {
    cursor.phase = phase
    k = 0
    poissonUs = 0
    place()
  }

  function take(): void {
    k++
    place()
  }

  function place(): void {
    const segment = segments[cursor.phase]
    if (!segment) {
      cursor.nextUs = Infinity
      return
    }
    const { shape } = phases[cursor.phase]!
    if (shape.kind === 'poisson') {
      poissonUs += shape.rate > 0 ? poissonGapUs(seed ^ Math.imul(cursor.phase + 1, 0x632be5ab), k, shape.rate) : Infinity
      if (poissonUs >= segment.durationUs) enter(cursor.phase + 1)
      else cursor.nextUs = segment.startUs + poissonUs
    } else if (k < segment.count) {
      cursor.nextUs = segment.startUs + arrivalUs(segment, k)
    } else {
      enter(cursor.phase + 1)
    }
  }
}

/** Which customer the n-th arrival is (an index into `CUSTOMERS`), drawn by weight, the same for the same seed. */
export function customerPicker(weights: LoadPlan['customers'], seed: number): (n: number) => number {
  const present = CUSTOMERS.filter((customer) => (weights[customer] ?? 0) > 0)
  const total = present.reduce((sum, customer) => sum + weights[customer]!, 0)
  if (present.length === 0) throw new Error(`customers: none has a weight above 0; give one of ${CUSTOMERS.join(', ')}`)
  let upTo = 0
  const bounds = present.map((customer: Customer) => (upTo += weights[customer]!) / total * 0x1_0000_0000)
  const numbers = present.map((customer) => CUSTOMERS.indexOf(customer))
  const last = numbers.length - 1
  return (n) => {
    const draw = hash32(seed ^ 0x5ca1ab1e, n)
    let i = 0
    while (i < last && draw >= bounds[i]!) i++
    return numbers[i]!
  }
}
