/** First in, first out, in O(1) (an array's `shift` moves everything). */
export interface Fifo<T> {
  readonly length: number
  push(item: T): void
  peek(): T | undefined
  shift(): T | undefined
}

export function fifo<T>(): Fifo<T> {
  let ring: (T | undefined)[] = Array(16).fill(undefined)
  let head = 0
  const queue = {
    length: 0,
    push(item: T): void {
      if (queue.length === ring.length) {
        ring = [...ring.slice(head), ...ring.slice(0, head), ...Array<undefined>(ring.length).fill(undefined)]
        head = 0
      }
      ring[(head + queue.length++) & (ring.length - 1)] = item
    },
    peek: () => ring[head],
    shift(): T | undefined {
      if (queue.length === 0) return undefined
      const item = ring[head]
      ring[head] = undefined
      head = (head + 1) & (ring.length - 1)
      queue.length--
      return item
    },
  }
  return queue
}
