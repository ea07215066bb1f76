import { Unavailable } from '../../../architecture.ts'

/** Runs work when it is its turn. Throws {@link Unavailable} when too many wait already. */
export type Turns = <T>(work: () => Promise<T>) => Promise<T>

/** At most so many at once; the others wait in line, and what finds the line full is refused. `what`: of what there are too many. */
export function boundedTurns({ atOnce, waiting, what }: { atOnce: number; waiting: number; what: string }): Turns {
  const line: (() => void)[] = []
  let running = 0
  return async (work) => {
    if (running >= atOnce) {
      if (line.length >= waiting) throw new Unavailable(`too many ${what} at once`, 2)
      await new Promise<void>((resolve) => line.push(resolve))
    } else {
      running += 1
    }
    try {
      return await work()
    } finally {
      const next = line.shift()
      if (next === undefined) running -= 1
      else next()
    }
  }
}
