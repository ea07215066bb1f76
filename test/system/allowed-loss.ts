import type { StoredOrder } from '../../src/system/event.ts'
import type { DriveOptions } from './client.ts'
import type { Stack } from './stack.ts'

export type Times = NonNullable<DriveOptions['times']>

/**
 * Which accepted orders the guarantee lets go missing, given what went away in this stack: those that were on their way at some moment from
 * the last commit before it did until it was ready again. Messages keep their order, so what was sent before anything that was stored,
 * and answered, cannot have come after it.
 */
export function allowedLoss(stack: Stack, stored: readonly StoredOrder[], times: Times): (id: string) => boolean {
  const { mayLose } = stack.architecture.guarantee(stack.knobs)
  if (mayLose === false) return () => false
  const windows = stack.events
    .filter((it) => it.type === 'service-exited' && mayLose.after.includes(it.service))
    .map((death) => {
      const back = stack.events.find((it) => it.type === 'service-ready' && 'service' in death && it.service === death.service && it.atMs > death.atMs)
      const before = stored.filter((it) => it.persistedAtMs <= death.atMs).map((it) => times.get(it.id)?.sentAtMs ?? 0)
      return { fromMs: before.reduce((a, b) => Math.max(a, b), 0), toMs: (back?.atMs ?? Infinity) + ('service' in death ? (mayLose.reachesOnMs?.[death.service] ?? 0) : 0) }
    })
  return (id) => {
    const time = times.get(id)
    return time !== undefined && windows.some(({ fromMs, toMs }) => time.answeredAtMs >= fromMs && time.sentAtMs <= toMs)
  }
}
