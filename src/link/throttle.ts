import { createBucket } from './bucket.ts'

/** Lets the flows that share a rate pass in turn, a slice each. */
export interface Throttle {
  readonly bytesPerSecond: number
  /** Has it served as soon as there is something to give. */
  ask(flow: Throttled): void
}

export interface Throttled {
  /** Bytes that it would pass now; 0: nothing any more. */
  wanted(nowMs: number): number
  pass(bytes: number, nowMs: number): void
}

const SLICE_BYTES = 16_384
/** From one slice to the next while the rate is used up. */
const TICK_MS = 4

export function createThrottle(bytesPerSecond: number): Throttle {
  const bucket = createBucket(bytesPerSecond, performance.now())
  const waiting: Throttled[] = []
  let timer: NodeJS.Timeout | undefined

  function serve(): void {
    const nowMs = performance.now()
    for (let flow = waiting[0]; flow !== undefined; flow = waiting[0]) {
      const wanted = Math.min(flow.wanted(nowMs), SLICE_BYTES)
      const granted = wanted === 0 ? 0 : bucket.take(wanted, nowMs)
      if (wanted > 0 && granted === 0) break
      waiting.shift()
      if (granted === 0) continue
      // It may ask again at once, and is then the last in turn.
      flow.pass(granted, nowMs)
    }
    timer = waiting.length === 0 ? undefined : setTimeout(serve, TICK_MS)
  }

  return {
    bytesPerSecond,
    ask(flow) {
      waiting.push(flow)
      timer ??= setTimeout(serve, 0)
    },
  }
}
