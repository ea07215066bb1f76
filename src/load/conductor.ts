import { closedLoop, type ClosedLoop } from './closed-loop.ts'
import type { InjectorSnapshot, LedgerPatch, LoadPlan } from './control.ts'
import { openLoop, type OpenLoop, type OpenLoopOptions } from './open-loop.ts'
import { tally, type Tally } from './tally.ts'
import type { SelfUsage } from './self-usage.ts'

/** One load plan in the making: the open loop, and the saturation phases between its phases. */
export interface Performance {
  /** Resolves when all phases are over (or stopped) and every request is answered or given up. */
  readonly done: Promise<{ invalid: string[] }>
  snapshot(self: SelfUsage): InjectorSnapshot
  ledgerPatches(): LedgerPatch[]
  stop(): void
}

/** Starts the plan: its first phase begins at `startAtMs`, or now if that has passed (which `invalid` then says). */
export function perform(plan: LoadPlan, options: OpenLoopOptions = {}): Performance {
  const beginMs = performance.now() + plan.startAtMs - Date.now()
  const clockUs = () => (performance.now() - beginMs) * 1000
  const counted = tally(plan.phases)
  const invalid: string[] = []
  const lateMs = Math.round(clockUs() / 1000)
  if (lateMs > 0) invalid.push(`the plan came ${lateMs} ms after its first phase should have begun`)

  const stopping = Promise.withResolvers<void>()
  const isOpen = plan.phases.some(({ shape }) => shape.kind !== 'saturation')
  const open = isOpen ? openLoop(plan, clockUs, { ...options, tally: counted }) : undefined
  const closed = plan.phases.some(({ shape }) => shape.kind === 'saturation') ? closedLoop(plan, clockUs, counted) : undefined
  const parts = [open?.done, closed && saturate(plan, closed, clockUs, stopping.promise), phasesOver(plan, clockUs, stopping.promise)]
  const done = Promise.all(parts).then(() => ({ invalid: [...invalid, ...(closed?.invalid ?? [])] }))
  return {
    done,
    snapshot: (self) => snapshotOf(counted, [open, closed], self),
    ledgerPatches: () => [...(open?.ledgers ?? []), ...(closed ? [closed.ledger] : [])].flatMap((ledger) => ledger.patch() ?? []),
    stop() {
      stopping.resolve()
      open?.stop()
      closed?.stop()
    },
  }
}

async function saturate(plan: LoadPlan, closed: ClosedLoop, clockUs: () => number, stopping: Promise<void>): Promise<void> {
  const rounds: Promise<void>[] = []
  let startMs = 0
  for (const [index, { shape, durationMs }] of plan.phases.entries()) {
    if (shape.kind === 'saturation') {
      await waitUntil(startMs, clockUs, stopping)
      rounds.push(closed.run(index))
    }
    startMs += durationMs
  }
  await Promise.all(rounds)
}

async function phasesOver(plan: LoadPlan, clockUs: () => number, stopping: Promise<void>): Promise<void> {
  await waitUntil(plan.phases.reduce((sum, { durationMs }) => sum + durationMs, 0), clockUs, stopping)
}

async function waitUntil(atMs: number, clockUs: () => number, stopping: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  await Promise.race([stopping, new Promise<void>((resolve) => (timer = setTimeout(resolve, atMs - clockUs() / 1000)))])
  clearTimeout(timer)
}

function snapshotOf(counted: Tally, loops: (OpenLoop | ClosedLoop | undefined)[], self: SelfUsage): InjectorSnapshot {
  const connections = { open: 0, opened: 0, dropped: 0 }
  for (const loop of loops) {
    connections.open += loop?.connections.open ?? 0
    connections.opened += loop?.connections.opened ?? 0
    connections.dropped += loop?.connections.dropped ?? 0
  }
  return {
    type: 'snapshot',
    atMs: Date.now(),
    events: { ...counted.events },
    reads: { ...counted.reads },
    errors: { ...counted.errors },
    errorSamples: { ...counted.errorSamples },
    retries: counted.retries,
    series: counted.drain(),
    connections,
    ...self,
  }
}
