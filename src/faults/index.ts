import { cpu, memory } from './deprivations.ts'
import type { Fault, FaultName } from './fault.ts'
import { kill } from './kill.ts'
import { bandwidth, latency, partition, reset, resetReply, slowClose, timeout } from './links.ts'
import { pause } from './pause.ts'
import { restart, stop } from './stop.ts'

export const faults = {
  kill, pause, stop, restart, partition, memory, cpu,
  latency, bandwidth, reset, 'reset-reply': resetReply, timeout, 'slow-close': slowClose,
} satisfies Record<FaultName, Fault>

/** One of them, whichever it is. */
export function faultOf(name: FaultName): Fault {
  return faults[name]
}
