import type { Dashboard, Tally } from '../system/dashboard.ts'
import { hourName, type ExpectedTotals } from './expected.ts'

export interface Miscount {
  /** `count`, `revenueCents`, or `byProduct.latte.count` … */
  figure: string
  expected: number
  shown: number
}

/** Every figure of the dashboard that differs from what the stored ids demand; empty when it is right. */
export function miscounts(expected: ExpectedTotals, shown: Dashboard): Miscount[] {
  const found: Miscount[] = []
  const compare = (figure: string, want: number, have: number) => {
    if (want !== have) found.push({ figure, expected: want, shown: have })
  }
  compare('count', expected.count, shown.count)
  compare('revenueCents', expected.revenueCents, shown.revenueCents)
  compareMap('byProduct', expected.byProduct, shown.byProduct, compare)
  compareMap('byStore', expected.byStore, shown.byStore, compare)
  compareMap('byType', expected.byType, shown.byType, compare)
  compareMap('byHour', new Map([...expected.byHour].map(([hour, tally]) => [hourName(hour), tally])), shown.byHour, compare)
  const best = [...expected.byProduct].sort(([a, x], [b, y]) => y.count - x.count || (a < b ? -1 : 1)).slice(0, 5)
  best.forEach(([product, tally], rank) => compare(`top.${rank + 1}.${product}`, tally.count, shown.top[rank]?.product === product ? shown.top[rank].count : 0))
  return found
}

function compareMap(
  name: string,
  expected: Map<string, Tally>,
  shown: Record<string, Tally>,
  compare: (figure: string, want: number, have: number) => void,
): void {
  for (const key of new Set([...expected.keys(), ...Object.keys(shown)])) {
    compare(`${name}.${key}.count`, expected.get(key)?.count ?? 0, shown[key]?.count ?? 0)
    compare(`${name}.${key}.revenueCents`, expected.get(key)?.revenueCents ?? 0, shown[key]?.revenueCents ?? 0)
  }
}
