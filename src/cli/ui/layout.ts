import type { Tab } from './keys.ts'

/** Who stands where. A chart cell names its place in the order of charts, 0 being the one chosen. */
export type Cell = { width: number } & (
  { panel: 'throughput' | 'latency' | 'flow' | 'fates' | 'health' } | { panel: 'chart'; place: number } | { panel: 'tab'; tab: Tab }
)

export interface Arrangement {
  kind: 'tiny' | 'compact' | 'wide'
  /** `rule`: a title line above each panel; `box`: a border around it. */
  frame: 'rule' | 'box'
  header: number
  /** From top to bottom; heights with header and footer sum to rows − 1, widths to the columns. */
  rows: { height: number; cells: Cell[] }[]
  footer: number
}

const HEADER = 3
const FOOTER = 1

/**
 * Ink wants one free row, or it clears the whole screen for every frame.
 * 80×24 holds figures, one chart and one tab; more rows stack charts; 120×36 and more hold everything at once.
 */
export function arrange(columns: number, rows: number, tabs: readonly Tab[], current: Tab, charts: number): Arrangement {
  const height = Math.max(1, rows - 1)
  if (columns < 80 || rows < 24) return { kind: 'tiny', frame: 'rule', header: height, rows: [], footer: 0 }
  return columns < 120 || rows < 36 ? compact(columns, height, current, charts) : wide(columns, height, tabs, current, charts)
}

function compact(columns: number, height: number, current: Tab, charts: number): Arrangement {
  const figuresHeight = 5
  const rest = height - HEADER - FOOTER - figuresHeight
  const stacked = Math.min(charts, rest >= 45 ? 3 : rest >= 24 ? 2 : 1)
  // A verdict is worth more than a chart where there is no room for both.
  const tabHeight = current === 'search' ? Math.max(7, Math.round(rest * 0.5)) : current !== 'verdict' ? Math.max(5, Math.round(rest * 0.34)) : rest < 26 ? rest : 14
  const figures: Cell[] = [
    { panel: 'throughput', width: 0 },
    { panel: 'latency', width: 0 },
    { panel: 'flow', width: 0 },
    ...(columns >= 108 ? [{ panel: 'fates', width: 0 } as const] : []),
  ]
  return {
    kind: 'compact',
    frame: 'rule',
    header: HEADER,
    rows: [
      { height: figuresHeight, cells: share(figures, columns) },
      ...(rest === tabHeight ? [] : split(rest - tabHeight, stacked)).map((chartHeight, place) => ({
        height: chartHeight,
        cells: [{ panel: 'chart', place, width: columns } as const],
      })),
      { height: tabHeight, cells: [{ panel: 'tab', tab: current, width: columns }] },
    ],
    footer: FOOTER,
  }
}

function wide(columns: number, height: number, tabs: readonly Tab[], current: Tab, charts: number): Arrangement {
  const figuresHeight = 6
  const rest = height - HEADER - FOOTER - figuresHeight
  const tabHeight = Math.max(9, Math.min(16, Math.round(rest * 0.3)))
  const small = Math.min(Math.max(0, charts - 2), Math.floor(columns / 45))
  const chartRows = rest - tabHeight >= 18 && small > 0 ? [0.55, 0.45] : [1]
  const [large = 0, low = 0] = split(rest - tabHeight, chartRows.length, chartRows)
  const chart = (place: number): Cell => ({ panel: 'chart', place, width: 0 })
  const figures = (['throughput', 'latency', 'flow', 'fates', 'health'] as const)
    .slice(0, Math.min(5, Math.floor(columns / 29)))
    .map((panel): Cell => ({ panel, width: 0 }))
  const shown = Math.min(tabs.length, Math.max(2, Math.floor(columns / 48)))
  const chosen = tabs.slice(0, shown).includes(current) ? tabs.slice(0, shown) : [...tabs.slice(0, shown - 1), current]
  const weight = (tab: Tab) => (WEIGHTS[tab] ?? 1) * (tab === current ? 1.4 : 1)
  return {
    kind: 'wide',
    frame: 'box',
    header: HEADER,
    rows: [
      { height: figuresHeight, cells: share(figures, columns) },
      { height: large, cells: share([chart(0), chart(1)], columns) },
      ...(low > 0
        ? [
            {
              height: low,
              cells: share(
                Array.from({ length: small }, (_, i) => chart(i + 2)),
                columns,
              ),
            },
          ]
        : []),
      {
        height: tabHeight,
        cells: share(
          chosen.map((tab): Cell => ({ panel: 'tab', tab, width: 0 })),
          columns,
          chosen.map(weight),
        ),
      },
    ],
    footer: FOOTER,
  }
}

const WEIGHTS: Partial<Record<Tab, number>> = { search: 1.4, services: 1.25, log: 1.3, verdict: 1.4, errors: 0.8 }

function share(cells: Cell[], columns: number, weights?: number[]): Cell[] {
  const widths = split(columns, cells.length, weights)
  return cells.map((cell, index) => ({ ...cell, width: widths[index]! }))
}

/** Whole parts that sum to the total, by weight. */
function split(total: number, parts: number, weights: readonly number[] = Array<number>(parts).fill(1)): number[] {
  const sum = weights.reduce((so, weight) => so + weight, 0)
  let used = 0
  let weighed = 0
  return weights.map((weight) => {
    weighed += weight
    const part = Math.round((total * weighed) / sum) - used
    used += part
    return part
  })
}
