import { createWriteStream } from 'node:fs'
import { PassThrough, type Readable } from 'node:stream'
import { createInterface } from 'node:readline'
import { finished } from 'node:stream/promises'
import type Docker from 'dockerode'
import { lineBudget } from '../local/log-tail.ts'

/** Follows what a container prints, through all its lives, into a file. */
export interface ContainerLog extends AsyncDisposable {
  /** The newest lines, oldest first. */
  lastLines(): string[]
  /**
   * Reads what the container prints in the life that began at `since` (as the engine has it, RFC 3339). From the engine's own log
   * file, not by attaching: a lab that is busy must not hold up what writes.
   */
  follow(container: Docker.Container, since: string): Promise<void>
  /** Resolves when all that the container printed before it ended has been read, or after a bounded time. */
  drained(): Promise<void>
}

const LAST_LINES = 20
const LONGEST_LINE = 4_096
const LINES_PER_SECOND = 20
const LINE_BURST = 100
const DRAIN_MS = 500

export interface LogOptions {
  docker: Docker
  path: string
  /** Every line. */
  onLine(line: string): void
  /** As many lines as may be shown. */
  onShown(line: string): void
}

export function createContainerLog({ docker, path, onLine, onShown }: LogOptions): ContainerLog {
  const file = createWriteStream(path, { flags: 'a' })
  // A full disk is the run folder's to notice.
  file.on('error', () => undefined)
  const budget = lineBudget(LINES_PER_SECOND, LINE_BURST)
  let last: string[] = []
  let dropped = 0
  let source: Readable | undefined
  let reading: Promise<unknown> = Promise.resolve()

  const line = (text: string): void => {
    if (text.trim() === '') return
    const cut = text.length > LONGEST_LINE ? `${text.slice(0, LONGEST_LINE)}…` : text
    last = [...last.slice(1 - LAST_LINES), cut]
    onLine(cut)
    if (!budget.allows(performance.now())) return void (dropped += 1)
    if (dropped > 0) onShown(`… ${dropped} lines not shown, see ${path}`)
    dropped = 0
    onShown(cut)
  }

  return {
    lastLines: () => last,
    async follow(container, since) {
      const stream = (await container.logs({ follow: true, stdout: true, stderr: true, since: unixTime(since) as unknown as number })) as unknown as Readable
      source = stream
      const text = new PassThrough()
      docker.modem.demuxStream(stream, text, text)
      text.pipe(file, { end: false })
      const lines = createInterface({ input: text })
      lines.on('line', line)
      reading = finished(stream).catch(() => undefined).then(() => {
        text.end()
      })
    },
    async drained() {
      await Promise.race([reading, new Promise((resolve) => setTimeout(resolve, DRAIN_MS).unref())])
    },
    async [Symbol.asyncDispose]() {
      source?.destroy()
      await new Promise<void>((resolve) => file.end(resolve))
    },
  }
}

/** As the engine's queries want a moment: seconds since 1970 with nanoseconds, which a number of ours could not hold. */
export function unixTime(rfc3339: string): string {
  const fraction = /\.(\d{1,9})/.exec(rfc3339)?.[1] ?? ''
  return `${Math.floor(Date.parse(rfc3339) / 1_000)}.${fraction.padEnd(9, '0')}`
}
