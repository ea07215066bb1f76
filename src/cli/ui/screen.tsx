import { writeSync } from 'node:fs'
import { format } from 'node:util'
import type { ReadStream, WriteStream } from 'node:tty'
import { render } from 'ink'
import { useLayoutEffect, type ReactNode } from 'react'
import { App, Keyboard, type AppProps } from './app.tsx'
import type { Key } from './keys.ts'
import { createSurface } from './surface.ts'

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
  /** Draws anything else, made for the size of the terminal. */
  show(picture: (size: { columns: number; rows: number }) => ReactNode): void
  /** Forgets what should be on the screen and wipes it, for when something else wrote there. */
  wipe(): void
}

const ENTER = '\u001b[?1049h\u001b[?25l'
/** Leaves synchronised output and the alternate screen, shows the cursor. */
const RESTORE = '\u001b[?2026l\u001b[?1049l\u001b[?25h'

export function openScreen({ stdout, stdin, stderr, onKey, onResize }: ScreenOptions): Screen {
  const size = () => ({ columns: stdout.columns > 0 ? stdout.columns : 80, rows: stdout.rows > 0 ? stdout.rows : 24 })
  const strays = holdBack(stderr)
  const surface = createSurface(stdout)
  let open = true
  let lost = false
  stdout.write(ENTER)

  const close = (write: (text: string) => unknown) => {
    if (!open) return
    open = false
    surface.close()
    stdout.off('resize', resized)
    process.off('exit', closeAtExit)
    if (!lost) write(RESTORE)
    strays.release()
  }
  // Whatever ends the process (process.exit, an uncaught error), the terminal comes back: only synchronous work still runs then.
  const closeAtExit = () => {
    if (stdin.isTTY) stdin.setRawMode(false)
    close((text) => {
      try {
        writeSync(stdout.fd, text)
      } catch {
        // The terminal itself is gone.
      }
    })
  }
  const resized = () => {
    surface.forget()
    onResize()
  }
  // The terminal was closed (EIO): the run ends in its own order, unseen. The listeners stay, or the first line printed afterwards would end the process.
  const gone = () => {
    lost = true
    surface.close()
  }
  process.on('exit', closeAtExit)
  stdout.on('resize', resized)
  for (const stream of [stdin, stdout, stderr]) stream.on('error', gone)

  const writeLast = (text: string) => stdout.write(text)
  const unmounted = () => close(writeLast)
  const tree = (picture: ReactNode) => (
    <>
      {picture}
      <OnUnmount run={unmounted} />
      {stdin.isTTY ? <Keyboard onKey={onKey} /> : null}
    </>
  )
  const ink = render(tree(null), {
    stdout: surface.stream,
    stdin,
    stderr,
    exitOnCtrlC: false,
    patchConsole: false,
    interactive: true,
    debug: true,
  })
  // A component that throws ends Ink: the run goes on unseen, and its summary still comes.
  const ended = ink.waitUntilExit().catch((error: unknown) => {
    stderr.write(`the picture broke: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  })

  const show: Screen['show'] = (picture) => {
    if (open) ink.rerender(tree(picture(size())))
  }
  return {
    draw: (props) => show((space) => <App {...props} {...space} />),
    show,
    wipe: () => surface.forget(),
    async [Symbol.asyncDispose]() {
      ink.unmount()
      await ended
      if (!lost) for (const stream of [stdin, stdout, stderr]) stream.off('error', gone)
    },
  }
}

/** Ink unmounts, synchronously, before a signal that nobody handles ends the process: the last chance to give the terminal back. */
function OnUnmount({ run }: { run(): void }) {
  useLayoutEffect(() => run, [run])
  return null
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
  const print = (...values: unknown[]) => stderr.write(`${format(...values)}\n`)
  const write = stderr.write
  const held: WriteStream['write'] = (
    chunk: Uint8Array | string,
    encoding?: BufferEncoding | ((error?: Error | null) => void),
    done?: (error?: Error | null) => void,
  ) => {
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
