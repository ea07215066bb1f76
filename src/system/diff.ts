import { DIMENSIONS, MAP_OF, type Dashboard, type Tally } from './dashboard.ts'

/** What the socket sends first, on request, and always with `payload=full`. */
export type FullMessage = { kind: 'full' } & Dashboard

/**
 * What changed since version `from`: every figure is absolute, so applying one twice does no harm.
 * The maps hold only the entries that differ; `top` comes whole. Entries never vanish.
 */
export interface DiffMessage {
  kind: 'diff'
  from: number
  version: number
  asOf: string
  count: number
  revenueCents: number
  byProduct?: Record<string, Tally>
  byStore?: Record<string, Tally>
  byType?: Record<string, Tally>
  byHour?: Record<string, Tally>
  top: Dashboard['top']
}

export function diffDashboards(before: Dashboard, after: Dashboard): DiffMessage {
  const { version, asOf, count, revenueCents, top } = after
  const message: DiffMessage = { kind: 'diff', from: before.version, version, asOf, count, revenueCents, top }
  for (const dimension of DIMENSIONS) {
    const map = MAP_OF[dimension]
    const changed: Record<string, Tally> = {}
    for (const [key, tally] of Object.entries(after[map])) {
      const old = before[map][key]
      if (old === undefined || old.count !== tally.count || old.revenueCents !== tally.revenueCents) changed[key] = tally
    }
    if (Object.keys(changed).length > 0) message[map] = changed
  }
  return message
}

/** `undefined` when the diff does not follow from what is held: ask for a full one. */
export function applyDiff(held: Dashboard, diff: DiffMessage): Dashboard | undefined {
  if (held.version !== diff.from) return undefined
  const { version, asOf, count, revenueCents, top } = diff
  const merged = (map: (typeof MAP_OF)[keyof typeof MAP_OF]) => ({ ...held[map], ...diff[map] })
  return {
    version, asOf, count, revenueCents, top,
    byProduct: merged('byProduct'), byStore: merged('byStore'), byType: merged('byType'), byHour: merged('byHour'),
  }
}
