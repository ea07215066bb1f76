import type { Socket } from 'node:net'
import { createLane, NO_DELAYS, type Delays, type Item } from './lane.ts'
import type { Throttle } from './throttle.ts'

/** What one direction of a connection suffers now. */
export interface Conditions extends Delays {
  /** What comes is thrown away, ends included. */
  swallow: boolean
  /** The connection breaks as soon as anything comes. */
  breaks: boolean
  throttle?: Throttle
}

export const NO_CONDITIONS: Conditions = { ...NO_DELAYS, swallow: false, breaks: false }

/** One direction: from the socket that sends to the one that receives. */
export interface Flow {
  change(to: Conditions): void
  /** Bytes that went through. */
  readonly bytes: number
  /** Lets go of everything; the sockets are the caller's. */
  drop(): void
}

export interface FlowParts {
  source: Socket
  sink: Socket
  random: () => number
  /** How much may be held back; beyond it the source is not read, so its sender feels it. */
  mostBytes(): number
  breakOff(): void
}

/** With a rate, what stands in line is what comes in in this time, beside what is under way. */
const QUEUE_MS = 100
const LEAST_QUEUE_BYTES = 16_384

export function createFlow({ source, sink, random, mostBytes, breakOff }: FlowParts): Flow {
  const lane = createLane(random)
  let now: Conditions = NO_CONDITIONS
  let bytes = 0
  let timer: NodeJS.Timeout | undefined
  /** Its place in the line of a throttle. */
  let inLine: object | undefined
  let dropped = false

  function give(item: Item): void {
    if (sink.destroyed) return
    if (item.kind === 'end') sink.end()
    else if (item.kind === 'reset') sink.resetAndDestroy()
    else {
      bytes += item.bytes.length
      sink.write(item.bytes)
    }
  }

  function came(item: Item): void {
    if (now.swallow || dropped) return
    if (now.breaks && item.kind === 'data') return breakOff()
    const held = now.hold || now.delayMs > 0 || now.throttle !== undefined || (now.closeMs > 0 && item.kind !== 'data')
    if (!held && lane.isEmpty) give(item)
    else {
      lane.push(item, performance.now())
      flush()
    }
    breathe()
  }

  /** Passes on what is due, and sees to it that it is called again. */
  function flush(): void {
    clearTimeout(timer)
    timer = undefined
    const nowMs = performance.now()
    while (sink.destroyed || !sink.writableNeedDrain) {
      const due = lane.dueBytes(nowMs)
      if (due === undefined) break
      if (now.throttle !== undefined && due > 0 && !sink.destroyed) return stand(now.throttle)
      give(lane.take(nowMs, Infinity)!)
    }
    const nextMs = lane.nextMs()
    if (nextMs !== undefined && nextMs > nowMs && !dropped) timer = setTimeout(flushAndBreathe, Math.ceil(nextMs - nowMs))
  }

  function flushAndBreathe(): void {
    flush()
    breathe()
  }

  function stand(throttle: Throttle): void {
    if (inLine !== undefined) return
    const place = (inLine = {})
    throttle.ask({
      wanted(nowMs) {
        if (inLine !== place) return 0
        const wanted = dropped || sink.destroyed || sink.writableNeedDrain ? 0 : (lane.dueBytes(nowMs) ?? 0)
        // Whatever makes it want again calls `flush`.
        if (wanted === 0) inLine = undefined
        return wanted
      },
      pass(most, nowMs) {
        inLine = undefined
        const item = lane.take(nowMs, most)
        if (item !== undefined) give(item)
        flushAndBreathe()
      },
    })
  }

  function breathe(): void {
    if (dropped || source.destroyed) return
    const rate = now.throttle?.bytesPerSecond
    const most = rate === undefined ? mostBytes() : Math.max(LEAST_QUEUE_BYTES, (rate * (QUEUE_MS + now.delayMs)) / 1_000)
    const full = lane.heldBytes >= most || (sink.writableNeedDrain && !sink.destroyed && !now.swallow)
    if (full && !source.isPaused()) source.pause()
    else if (!full && source.isPaused()) source.resume()
  }

  source.on('data', (chunk: Buffer) => came({ kind: 'data', bytes: chunk }))
  source.on('end', () => came({ kind: 'end' }))
  source.on('error', () => came({ kind: 'reset' }))
  sink.on('drain', flushAndBreathe)
  return {
    get bytes() {
      return bytes
    },
    change(to) {
      now = to
      lane.change(to)
      inLine = undefined
      flushAndBreathe()
    },
    drop() {
      dropped = true
      inLine = undefined
      clearTimeout(timer)
    },
  }
}
