import { EventEmitter } from 'node:events'
import type { WriteStream } from 'node:tty'
import { stripVTControlCharacters } from 'node:util'

/** Synchronised update: terminals that know it show the frame at once, others ignore it. */
const BEGIN = '\u001b[?2026h'
const END = '\u001b[?2026l'
const CLEAR_REST_OF_LINE = '\u001b[K'
const CLEAR_BELOW = '\u001b[J'

/**
 * What turns the lines on the screen into the next ones: each changed line is written at its absolute place, so nothing
 * scrolls, nothing flickers, and whatever else wrote in between spoils at most what it touched. `undefined` is a
 * screen of unknown content.
 */
export function repaint(before: readonly string[] | undefined, after: readonly string[]): string {
  let out = before === undefined ? `\u001b[H${CLEAR_BELOW}` : ''
  after.forEach((line, row) => {
    if (before?.[row] !== line) out += `\u001b[${row + 1};1H${line}${CLEAR_REST_OF_LINE}`
  })
  if (before !== undefined && before.length > after.length) out += `\u001b[${after.length + 1};1H${CLEAR_BELOW}`
  return out === '' ? '' : BEGIN + out + END
}

/**
 * Stands between Ink and the terminal: takes whole frames (Ink's `debug` mode gives nothing else) and writes what
 * changed. Ink's own incremental writer segments every changed line anew, a fifth of a frame's time.
 */
export interface Surface {
  /** To be given to Ink as stdout. */
  stream: WriteStream
  /** Forgets what is on the screen: the next frame is written whole. */
  forget(): void
  /** From now on nothing is written. */
  close(): void
}

/** Ink shows and hides the cursor through the same stream. */
function isMode(text: string): boolean {
  return text.length < 32 && stripVTControlCharacters(text) === ''
}

export function createSurface(stdout: WriteStream): Surface {
  let shown: string[] | undefined
  let open = true
  const stream = Object.assign(new EventEmitter(), {
    isTTY: true,
    writable: true,
    write(frame: string, done?: () => void) {
      if (open && !isMode(frame)) {
        const lines = frame.split('\n')
        const change = repaint(shown, lines)
        if (change !== '') stdout.write(change)
        shown = lines
      }
      if (typeof done === 'function') queueMicrotask(done)
      return true
    },
  })
  Object.defineProperties(stream, { columns: { get: () => stdout.columns }, rows: { get: () => stdout.rows } })
  return { stream: stream as unknown as WriteStream, forget: () => (shown = undefined), close: () => (open = false) }
}
