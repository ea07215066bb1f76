import { writeSync } from 'node:fs'
import type { ReadStream, WriteStream } from 'node:tty'
import { render } from 'ink'
import { App, Keyboard, type AppProps } from './app.tsx'
import type { Key } from './keys.ts'

export interface ScreenOptions {
  stdout: WriteStream & { fd: number }
  stdin: ReadStream
  stderr: WriteStream
  onKey(input: string, key: Key): void
  /** The size changed: draw again. */
  onResize(): void
}

/** The terminal, taken over: alternate screen, no cursor, keys one by one. Disposing gives it back as it was. */
export interface Screen extends AsyncDisposable {
  draw(props: Omit<AppProps, 'columns' | 'rows'>): void
  /** Forgets what should be on the screen and wipes it, for when something else wrote there. */
  wipe(): void
}

/** Leaves synchronised output and the alternate screen, shows the cursor. */
const RESTORE = '\u001b[?2026l\u001b[?1049l\u001b[?25h'
const HOME_AND_ERASE = '\u001b[H\u001b[J'

export function openScreen({ stdout, stdin, stderr, onKey, onResize }: ScreenOptions): Screen {
  const size = () => ({ columns: stdout.columns > 0 ? stdout.columns : 80, rows: stdout.rows > 0 ? stdout.rows : 24 })
  const strays = holdBack(stderr)
  let restored = false

  // Whatever ends the process (process.exit, an uncaught error), the terminal comes back: asynchronous clean-up no longer runs then.
  const restoreAtExit = () => {
    if (restored) return
    restored = true
    try {
      if (stdin.isTTY) stdin.setRawMode(false)
      writeSync(stdout.fd, RESTORE)
    } catch {
      // The terminal itself is gone.
    }
    strays.release()
  }
  process.on('exit', restoreAtExit)

  // Ahead of Ink's own listener, which would lay the old, wider lines out first.
  const resized = () => {
    wipe()
    onResize()
  }
  stdout.prependListener('resize', resized)

  const keyboard = stdin.isTTY ? <Keyboard onKey={onKey} /> : null
  const ink = render(keyboard, { stdout, stdin, stderr, exitOnCtrlC: false, patchConsole: false, alternateScreen: true, incrementalRendering: true, interactive: true, maxFps: 30 })
  // A component that throws makes Ink leave by itself; the run goes on unseen, and its summary still comes.
  ink.waitUntilExit().catch((error: unknown) => strays.note(`the picture broke: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`))

  function wipe(): void {
    if (restored) return
    ink.clear()
    stdout.write(HOME_AND_ERASE)
  }

  return {
    draw(props) {
      ink.rerender(
        <>
          <App {...props} {...size()} />
          {keyboard}
        </>,
      )
    },
    wipe,
    async [Symbol.asyncDispose]() {
      stdout.off('resize', resized)
      ink.unmount()
      await ink.waitUntilExit().catch(() => {})
      process.off('exit', restoreAtExit)
      restored = true
      strays.release()
    },
  }
}

/**
 * While the picture is up, what others print (warnings of libraries) would tear it. It is kept and printed
 * afterwards; the newest 64 KB, so that a chatty library cannot fill the memory.
 */
function holdBack(stderr: WriteStream): { note(text: string): void; release(): void } {
  const LIMIT = 64 * 1_024
  let kept = ''
  const note = (text: string) => {
    kept = (kept + text).slice(-LIMIT)
  }
  const { log, info, debug } = console
  // Node prints warnings past process.stderr.
  const warnings = process.listeners('warning')
  const noteWarning = (warning: Error) => note(`(node:${process.pid}) ${warning.stack ?? String(warning)}\n`)
  process.removeAllListeners('warning').on('warning', noteWarning)
  const print = (...values: unknown[]) => console.error(...values)
  const write = stderr.write
  const held: WriteStream['write'] = (chunk: Uint8Array | string, encoding?: BufferEncoding | ((error?: Error | null) => void), done?: (error?: Error | null) => void) => {
    note(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString())
    const callback = typeof encoding === 'function' ? encoding : done
    if (callback) queueMicrotask(callback)
    return true
  }
  Object.assign(console, { log: print, info: print, debug: print })
  if (stderr.isTTY) stderr.write = held
  return {
    note,
    release() {
      Object.assign(console, { log, info, debug })
      process.off('warning', noteWarning)
      for (const listener of warnings) if (!process.listeners('warning').includes(listener)) process.on('warning', listener)
      if (stderr.write === held) stderr.write = write
      if (kept !== '') stderr.write(kept)
      kept = ''
    },
  }
}
