import { isToxic } from '../link/toxic.ts'
import type { RunEvent } from './events.ts'

/** A stretch in which one replica of a service did not do its work. */
export interface Outage {
  service: string
  replica: number
  /** `cut`: its clients could not reach it; it forgot nothing, and they may have had to find it again. */
  how: 'killed' | 'paused' | 'died' | 'cut'
  /** Of several at once on the way to it, which. */
  by?: string
  fromMs: number
  /** When it was ready again; absent: not yet, or never. */
  toMs?: number
}

/** Pure: the outages after one more event, in the order they began. Who is stopped on purpose, by scaling or at the end, is not out. */
export function outagesAfter(outages: readonly Outage[], event: RunEvent): readonly Outage[] {
  switch (event.type) {
    case 'fault-injected':
      return [...outages, { service: event.service, replica: event.replica, how: howOf(event.fault), ...(isToxic(event.fault) && { by: event.fault }), fromMs: event.atMs }]
    case 'service-exited':
      if (event.expected || outages.some((one) => isOpen(one, event) && isAway(one))) return outages
      return [...outages, { service: event.service, replica: event.replica, how: 'died', fromMs: event.atMs }]
    case 'service-ready':
      return closed(outages, event, isAway)
    case 'fault-healed':
      return closed(outages, event, (one) => (isToxic(event.fault) ? one.by === event.fault : one.by === undefined && isAway(one) === (howOf(event.fault) === 'killed')))
    default:
      return outages
  }
}

/** Faults that take nothing from what a service remembers: it stands still, or is slow, or cannot be reached. */
const HANGS = ['pause', 'memory', 'cpu', 'latency', 'bandwidth', 'slow-close']
/** Of these, who break or silence connections, so that clients connect anew. */
const CUTS = ['partition', 'reset', 'reset-reply', 'timeout']

function howOf(fault: string): Outage['how'] {
  return CUTS.includes(fault) ? 'cut' : HANGS.includes(fault) ? 'paused' : 'killed'
}

function isAway({ how }: Outage): boolean {
  return how === 'killed' || how === 'died'
}

type Replica = Pick<Outage, 'service' | 'replica'>

function isOpen(outage: Outage, { service, replica }: Replica): boolean {
  return outage.service === service && outage.replica === replica && outage.toMs === undefined
}

function closed(outages: readonly Outage[], event: Replica & { atMs: number }, which: (outage: Outage) => boolean): readonly Outage[] {
  if (!outages.some((one) => isOpen(one, event) && which(one))) return outages
  return outages.map((one) => (isOpen(one, event) && which(one) ? { ...one, toMs: event.atMs } : one))
}
