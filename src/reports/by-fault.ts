import type { DueStretch } from '../measure/ledger-file.ts'
import type { FaultState } from '../run/state.ts'

/** What became of the events that were due around one fault. Loss that the guarantee allows is in it, too. */
export interface FaultAccounting {
  lost: number
  duplicated: number
  phantom: number
  recovered: number
}

/** An event was due before the fault that met it: while it was on its way, or held by who was killed. */
const LEAD_MS = 5_000

/** Which events are laid to which fault: those due from shortly before it until shortly before the next. None to two. */
export function dueStretches(faults: readonly FaultState[]): DueStretch[] {
  const begins = faults.map(({ injectedAtMs }, i) => Math.max(injectedAtMs - LEAD_MS, faults[i - 1]?.injectedAtMs ?? -Infinity))
  return begins.map((fromMs, i) => ({ fromMs, ...(i + 1 < begins.length && { toMs: begins[i + 1]! - 1 }) }))
}

export interface ByFault {
  count(kind: keyof FaultAccounting, dueAtMs: number): void
  /** By the number of the stretch. */
  add(kind: keyof FaultAccounting, stretch: number): void
  all: FaultAccounting[]
}

export function countByFault(stretches: readonly DueStretch[]): ByFault {
  const all = stretches.map((): FaultAccounting => ({ lost: 0, duplicated: 0, phantom: 0, recovered: 0 }))
  const add: ByFault['add'] = (kind, stretch) => {
    if (all[stretch]) all[stretch][kind] += 1
  }
  return {
    all,
    add,
    count: (kind, dueAtMs) => add(kind, stretches.findIndex(({ fromMs = -Infinity, toMs = Infinity }) => dueAtMs >= fromMs && dueAtMs <= toMs)),
  }
}
