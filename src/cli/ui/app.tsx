import { Box, useInput } from 'ink'
import type { RunState } from '../../run/state.ts'
import { TABS, type Key, type Tab, type View } from './keys.ts'
import { arrange, type Cell } from './layout.ts'
import type { PanelProps } from './pane.tsx'
import { ChartPanel, CHARTS } from './panels/charts.tsx'
import { ErrorsPanel } from './panels/errors.tsx'
import { InsidePanel } from './panels/inside.tsx'
import { FatesPanel } from './panels/fates.tsx'
import { FlowPanel } from './panels/flow.tsx'
import { Footer } from './panels/footer.tsx'
import { Header } from './panels/header.tsx'
import { HealthPanel, InjectorPanel } from './panels/health.tsx'
import { HelpPanel } from './panels/help.tsx'
import { LatencyPanel } from './panels/latency.tsx'
import { LogPanel } from './panels/log.tsx'
import { NotesPanel } from './panels/notes.tsx'
import { SearchPanel } from './panels/search.tsx'
import { ServicesPanel } from './panels/services.tsx'
import { ThroughputPanel } from './panels/throughput.tsx'
import { TinyPanel } from './panels/tiny.tsx'
import { VerdictPanel } from './panels/verdict.tsx'
import type { Theme } from './theme.ts'

export interface AppProps {
  state: RunState
  view: View
  title?: string
  /** Of the terminal. The picture takes all columns and all rows but one. */
  columns: number
  rows: number
  theme: Theme
}

const FIGURES = { throughput: ThroughputPanel, latency: LatencyPanel, flow: FlowPanel, fates: FatesPanel, health: HealthPanel } as const
const TAB_PANELS = {
  search: SearchPanel,
  services: ServicesPanel,
  log: LogPanel,
  errors: ErrorsPanel,
  inside: InsidePanel,
  notes: NotesPanel,
  injector: InjectorPanel,
  verdict: VerdictPanel,
} as const satisfies Record<Tab, unknown>

/** The panels that can be chosen now: a verdict only when there is something to judge, and then first; that of a search once it is over. */
export function tabsOf(state: RunState): Tab[] {
  if (state.search !== undefined) return state.verdict === undefined ? TABS.filter((tab) => tab !== 'verdict') : ['verdict', ...TABS.filter((tab) => tab !== 'verdict')]
  const ending =
    state.settle !== undefined || state.reconciledRows !== undefined || state.accounting !== undefined || state.verdict !== undefined
  const others = TABS.filter((tab) => tab !== 'verdict' && tab !== 'search')
  return ending ? ['verdict', ...others] : others
}

export function currentTab(state: RunState, view: View): Tab {
  const tabs = tabsOf(state)
  return view.tab !== undefined && tabs.includes(view.tab) ? view.tab : tabs[0]!
}

/** The whole picture: a pure function of the run's state, the watcher's view and the terminal's size. */
export function App({ state, view, title, columns, rows, theme }: AppProps) {
  const tabs = tabsOf(state)
  const current = currentTab(state, view)
  const plan = arrange(columns, rows, tabs, current, CHARTS.length)
  if (plan.kind === 'tiny') return <TinyPanel state={state} view={view} width={columns} height={plan.header} theme={theme} />
  const bodyHeight = plan.rows.reduce((sum, row) => sum + row.height, 0)
  return (
    <Box flexDirection="column" width={columns}>
      <Header state={state} view={view} title={title} width={columns} theme={theme} />
      {view.help ? (
        <HelpPanel state={state} width={columns} height={bodyHeight} frame={plan.frame} theme={theme} />
      ) : (
        plan.rows.map((row, index) => (
          <Box key={index} height={row.height} flexShrink={0}>
            {row.cells.map((cell, at) => (
              <CellPanel
                key={at}
                cell={cell}
                view={view}
                state={state}
                width={cell.width}
                height={row.height}
                frame={plan.frame}
                focused={cell.panel === 'tab' && cell.tab === current}
                siblings={cell.panel === 'tab' && plan.kind === 'compact' ? tabs : undefined}
                theme={theme}
              />
            ))}
          </Box>
        ))
      )}
      <Footer view={view} tabs={tabs} current={current} width={columns} theme={theme} />
    </Box>
  )
}

/** Of a search, most panels show the probe that goes on: a run like any other. */
function CellPanel({ cell, view, ...whole }: PanelProps & { cell: Cell; view: View }) {
  const isOfSearch = cell.panel === 'tab' && (cell.tab === 'search' || cell.tab === 'verdict')
  const props = isOfSearch ? whole : { ...whole, state: whole.state.search?.current?.run ?? whole.state }
  if (cell.panel === 'chart') return <ChartPanel {...props} index={(cell.place + view.chart) % CHARTS.length} zoom={view.zoom} />
  const Panel = cell.panel === 'tab' ? TAB_PANELS[cell.tab] : FIGURES[cell.panel]
  return <Panel {...props} />
}

/** Listens to the keyboard while it is mounted; draws nothing. */
export function Keyboard({ onKey }: { onKey(input: string, key: Key): void }) {
  useInput(onKey)
  return null
}
