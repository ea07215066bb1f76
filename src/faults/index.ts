import type { Fault, FaultName } from './fault.ts'
import { kill } from './kill.ts'
import { pause } from './pause.ts'

export const faults = { kill, pause } satisfies Record<FaultName, Fault>
