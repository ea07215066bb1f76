/** Turns calls into an async iterable: the one pipe through which a run tells what happens. */
export interface Channel<T> extends AsyncIterable<T> {
  push(item: T): void
  /** Ends the iteration after what was pushed; with an error, the iteration throws it last. */
  close(error?: unknown): void
}

export function channel<T>(): Channel<T> {
  const queue: T[] = []
  let wake: (() => void) | undefined
  let closed = false
  let failure: { error: unknown } | undefined
  return {
    push(item) {
      if (closed) return
      queue.push(item)
      wake?.()
    },
    close(error) {
      if (closed) return
      closed = true
      if (error !== undefined) failure = { error }
      wake?.()
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        while (queue.length > 0) yield queue.shift()!
        if (closed) break
        await new Promise<void>((resolve) => (wake = resolve))
        wake = undefined
      }
      if (failure !== undefined) throw failure.error
    },
  }
}
