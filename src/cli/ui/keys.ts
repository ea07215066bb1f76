/** What the watcher chose. The run knows nothing of it. */
export interface View {
  /** Absent: the panel that matters now. */
  tab?: Tab
  /** Counts chart changes; taken modulo the number of charts. */
  chart: number
  help: boolean
  frozen: boolean
  /** The last minute instead of the whole run. */
  zoom: boolean
  /** How often a stop was asked for. */
  stops: number
}

export const TABS = ['search', 'services', 'log', 'errors', 'notes', 'inside', 'injector', 'verdict'] as const
export type Tab = (typeof TABS)[number]

export const initialView: View = { chart: 0, help: false, frozen: false, zoom: false, stops: 0 }

/** The part of Ink's key that is used. */
export interface Key {
  ctrl?: boolean
  meta?: boolean
  tab?: boolean
  shift?: boolean
  escape?: boolean
  leftArrow?: boolean
  rightArrow?: boolean
  upArrow?: boolean
  downArrow?: boolean
  pageUp?: boolean
  pageDown?: boolean
  home?: boolean
  end?: boolean
  return?: boolean
  backspace?: boolean
  delete?: boolean
}

/** One key pressed: the new view, and whether a stop or a clean redraw is asked for. `tabs`: those there are now; `current`: the one shown. */
export function press(view: View, input: string, key: Key, tabs: readonly Tab[], current: Tab): { view: View; asks?: 'stop' | 'redraw' } {
  const turn = (by: number): { view: View } => ({
    view: { ...view, help: false, tab: tabs[(tabs.indexOf(current) + by + tabs.length) % tabs.length] },
  })
  if (key.ctrl)
    return input === 'c' ? { view: { ...view, stops: view.stops + 1 }, asks: 'stop' } : input === 'l' ? { view, asks: 'redraw' } : { view }
  if (key.meta && !key.escape) return { view }
  if (key.escape) return { view: { ...view, help: false } }
  if (key.tab) return turn(key.shift ? -1 : 1)
  if (key.rightArrow) return turn(1)
  if (key.leftArrow) return turn(-1)
  switch (input) {
    case 'q':
      return { view: { ...view, stops: view.stops + 1 }, asks: 'stop' }
    case '?':
    case 'h':
      return { view: { ...view, help: !view.help } }
    case 'f':
    case ' ':
      return { view: { ...view, frozen: !view.frozen } }
    case 'c':
    case 'n':
      return { view: { ...view, chart: view.chart + 1 } }
    case 'z':
      return { view: { ...view, zoom: !view.zoom } }
    default:
      return { view }
  }
}
