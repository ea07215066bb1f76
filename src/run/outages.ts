import type { RunEvent } from './events.ts'

/** A stretch in which one replica of a service did not do its work. */
export interface Outage {
  service: string
  replica: number
  how: 'killed' | 'paused' | 'died'
  fromMs: number
  /** When it was ready again; absent: not yet, or never. */
  toMs?: number
}

/** Pure: the outages after one more event, in the order they began. Who is stopped on purpose, by scaling or at the end, is not out. */
export function outagesAfter(outages: readonly Outage[], event: RunEvent): readonly Outage[] {
  switch (event.type) {
    case 'fault-injected':
      return [...outages, { service: event.service, replica: event.replica, how: isHang(event.fault) ? 'paused' : 'killed', fromMs: event.atMs }]
    case 'service-exited':
      if (event.expected || outages.some((one) => isOpen(one, event) && one.how !== 'paused')) return outages
      return [...outages, { service: event.service, replica: event.replica, how: 'died', fromMs: event.atMs }]
    case 'service-ready':
      return closed(outages, event, (one) => one.how !== 'paused')
    case 'fault-healed':
      return closed(outages, event, (one) => (one.how === 'paused') === isHang(event.fault))
    default:
      return outages
  }
}

/** Faults that take nothing from what a service remembers: it stands still, or is slow, or cannot be reached. */
export function isHang(fault: string): boolean {
  return ['pause', 'partition', 'memory', 'cpu'].includes(fault)
}

type Replica = Pick<Outage, 'service' | 'replica'>

function isOpen(outage: Outage, { service, replica }: Replica): boolean {
  return outage.service === service && outage.replica === replica && outage.toMs === undefined
}

function closed(outages: readonly Outage[], event: Replica & { atMs: number }, which: (outage: Outage) => boolean): readonly Outage[] {
  if (!outages.some((one) => isOpen(one, event) && which(one))) return outages
  return outages.map((one) => (isOpen(one, event) && which(one) ? { ...one, toMs: event.atMs } : one))
}
