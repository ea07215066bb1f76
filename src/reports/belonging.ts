import { visitCaller } from '../load/callers.ts'
import type { LoadPlan } from '../load/control.ts'
import { officeOrders, profileNumber } from '../load/customers.ts'
import { historyOwner, type History } from '../load/history.ts'
import { profileOf, type OrderId } from '../load/order-id.ts'

/** Whose each event is: it follows from its id, as the injector chose who sends it by nothing else. */
export interface Belonging {
  /** `undefined`: nobody's in particular. */
  ownerOf(parts: OrderId): string | undefined
  historyOwnerOf(parts: OrderId): string | undefined
  /** Stores on purpose what is no part of the load. */
  isGuest(owner: string | undefined): boolean
}

interface Input {
  plan: Pick<LoadPlan, 'callers' | 'seed' | 'startAtMs' | 'phases'>
  /** Of a source, as the ledger has it. */
  events(source: number): number
  history?: History
  guests?: readonly string[]
}

/** `undefined` where no caller owns anything. */
export function belonging({ plan, events, history, guests = [] }: Input): Belonging | undefined {
  const { callers = [] } = plan
  if (callers.every(({ owner }) => owner === undefined)) return undefined
  const pick = visitCaller(plan)
  const historyOwnerOf = history && historyOwner(callers, history.seed)
  const visits = new Map<number, (sequence: number) => number>()
  const firstOf = (source: number, sequence: number): number => {
    if (profileOf(source) !== OFFICE) return sequence
    let first = visits.get(source)
    if (first === undefined) visits.set(source, (first = visitStarts(plan.seed, events(source))))
    return first(sequence)
  }
  return {
    ownerOf: ({ source, sequence, timeMs }) => callers[pick(source, firstOf(source, sequence), timeMs)]!.owner,
    historyOwnerOf: ({ source, sequence }) => historyOwnerOf?.(source, sequence),
    isGuest: (owner) => owner !== undefined && guests.includes(owner),
  }
}

const OFFICE = profileNumber('office')

/** The first event of an office visit: a bit an event says where one begins, and none is longer than 20. */
function visitStarts(seed: number, events: number): (sequence: number) => number {
  const starts = new Uint8Array(Math.ceil(events / 8))
  for (let first = 0; first < events; first += officeOrders(seed, first)) starts[first >>> 3]! |= 1 << (first & 7)
  return (sequence) => {
    let first = sequence
    while (first > 0 && (starts[first >>> 3]! & (1 << (first & 7))) === 0) first -= 1
    return first
  }
}
