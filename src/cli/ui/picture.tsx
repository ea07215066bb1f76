import type { ReadStream, WriteStream } from 'node:tty'
import type { RunEvent } from '../../run/events.ts'
import { initialState, reduce, type RunState } from '../../run/state.ts'
import { initialView, press, type Key, type View } from './keys.ts'
import { loadUi } from './load-ui.ts'
import { createTheme, terminalGlyphs } from './theme.ts'

export interface PictureOptions {
  stdout: WriteStream & { fd: number }
  stdin: ReadStream
  stderr: WriteStream
  /** `q` or Ctrl-C: a stop is asked for. Called again for every further one. */
  onQuit(): void
  color: boolean
  /** Shown until the run has said who it is. */
  title?: string
}

/** Ordinary news is drawn at most once a second: a frame of 200×50 costs Ink tens of milliseconds. */
const ORDINARY_MS = 1_000
/** News that should not wait, and keys in a burst. */
const URGENT_MS = 120

const URGENT = new Set<RunEvent['type']>([
  'run-started',
  'probe-began',
  'probe-ended',
  'stage',
  'phase-began',
  'service-ready',
  'service-exited',
  'service-restarted',
  'alert',
  'fault-injected',
  'fault-healed',
  'settled',
  'accounted',
  'judged',
  'run-ended',
])

/**
 * Shows a run live until its events end, and resolves with its last state. The terminal is given back whatever
 * happens; an error of the events is thrown after that. Starts nothing, ends nothing.
 */
export async function showPicture(events: AsyncIterable<RunEvent>, options: PictureOptions): Promise<RunState> {
  const [{ openScreen }, { tabsOf, currentTab }] = await loadUi(options.color, () => Promise.all([import('./screen.tsx'), import('./app.tsx')]))
  const theme = createTheme({ color: options.color, glyphs: terminalGlyphs(process.env) })
  let live = initialState
  /** What is drawn: `live`, or the state at the moment of freezing. */
  let shown = initialState
  let view: View = initialView
  let drawnAt = -Infinity
  let timer: NodeJS.Timeout | undefined
  let timerAt = Infinity

  const draw = () => {
    clearTimeout(timer)
    timer = undefined
    timerAt = Infinity
    if (!view.frozen) shown = live
    screen.draw({ state: shown, view, title: options.title, theme })
    drawnAt = performance.now()
  }

  /** Draws once `afterMs` have passed since the last frame; of several wishes the earliest counts. */
  const drawSoon = (afterMs: number) => {
    const at = Math.max(performance.now(), drawnAt + afterMs)
    if (at >= timerAt) return
    clearTimeout(timer)
    timerAt = at
    timer = setTimeout(draw, Math.max(0, at - performance.now()))
  }

  const onKey = (input: string, key: Key) => {
    const before = view
    const { view: after, asks } = press(view, input, key, tabsOf(shown), currentTab(shown, view))
    view = after
    if (asks === 'stop') options.onQuit()
    if (asks === 'redraw') screen.wipe()
    if (asks !== undefined || after !== before) drawSoon(before.frozen === after.frozen ? 30 : 0)
  }

  await using screen = openScreen({ ...options, onKey, onResize: draw })
  try {
    draw()
    for await (const event of events) {
      live = reduce(live, event)
      if (event.type === 'judged') view = { ...view, tab: undefined }
      if (!view.frozen) drawSoon(URGENT.has(event.type) ? URGENT_MS : ORDINARY_MS)
    }
  } finally {
    clearTimeout(timer)
  }
  return live
}
