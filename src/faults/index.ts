import { cpu, memory, partition } from './deprivations.ts'
import type { Fault, FaultName } from './fault.ts'
import { kill } from './kill.ts'
import { pause } from './pause.ts'
import { restart, stop } from './stop.ts'

export const faults = { kill, pause, stop, restart, partition, memory, cpu } satisfies Record<FaultName, Fault>
