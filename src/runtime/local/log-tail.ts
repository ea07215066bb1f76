import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { StringDecoder } from 'node:string_decoder'

/**
 * Reads what a service appends to its log file. The service writes to the file itself, so a slow or dead lab never
 * blocks it; and a service that floods its log costs the lab no more than the bounds below.
 */
export interface LogTail {
  /** Reads what is new. `all`: skips nothing however much there is. */
  poll(all?: boolean): void
  /** The newest lines, oldest first. */
  lastLines(): string[]
  /** Polls by itself, every so many ms, until disposed; replaces an earlier interval. */
  every(ms: number): void
  [Symbol.dispose](): void
}

const CHUNK_BYTES = 64 * 1024
/** More than this at one poll is skipped, but for its end. */
const MOST_BYTES = 512 * 1024
const LONGEST_LINE = 4_096
const LAST_LINES = 20

export interface TailOptions {
  path: string
  onLine(line: string): void
  /** Bytes that were not looked at. */
  onSkipped(bytes: number): void
}

export function createLogTail({ path, onLine, onSkipped }: TailOptions): LogTail {
  const fd = openSync(path, 'a+', 0o644)
  const buffer = Buffer.alloc(CHUNK_BYTES)
  let decoder = new StringDecoder('utf8')
  let last: string[] = []
  let rest = ''
  // What is there already is of another life.
  let at = fstatSync(fd).size
  let timer: NodeJS.Timeout | undefined
  let closed = false

  const line = (text: string): void => {
    const cut = text.length > LONGEST_LINE ? `${text.slice(0, LONGEST_LINE)}…` : text
    last = [...last.slice(1 - LAST_LINES), cut]
    onLine(cut)
  }
  const take = (text: string): void => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!.slice(0, LONGEST_LINE + 1)
    for (const one of lines) if (one.trim() !== '') line(one.replace(/\r$/, ''))
  }
  const skip = (): void => {
    const size = fstatSync(fd).size
    if (size - at <= MOST_BYTES) return
    onSkipped(size - CHUNK_BYTES - at)
    at = size - CHUNK_BYTES
    rest = ''
    decoder = new StringDecoder('utf8')
  }
  const poll = (all = false): void => {
    if (closed) return
    if (!all) skip()
    for (;;) {
      const bytes = readSync(fd, buffer, 0, CHUNK_BYTES, at)
      at += bytes
      if (bytes > 0) take(decoder.write(buffer.subarray(0, bytes)))
      if (bytes < CHUNK_BYTES) return
    }
  }
  return {
    poll,
    lastLines: () => (rest.trim() === '' ? last : [...last, rest]).slice(-LAST_LINES),
    every(ms) {
      clearInterval(timer)
      if (!closed) timer = setInterval(() => poll(), ms).unref()
    },
    [Symbol.dispose]() {
      poll(true)
      clearInterval(timer)
      closed = true
      closeSync(fd)
    },
  }
}

/** Lets `burst` lines through at once and `perSecond` in the long run; pure, the caller brings the time. */
export function lineBudget(perSecond: number, burst: number): { allows(nowMs: number): boolean } {
  let tokens = burst
  let atMs: number | undefined
  return {
    allows(nowMs) {
      tokens = Math.min(burst, tokens + ((nowMs - (atMs ?? nowMs)) * perSecond) / 1_000)
      atMs = nowMs
      if (tokens < 1) return false
      tokens -= 1
      return true
    },
  }
}
