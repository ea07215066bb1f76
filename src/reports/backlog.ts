/** A second without an answer from the store is a gap, not a backlog. */
export interface BacklogPoint {
  second: number
  backlog?: number
}

/** Both outer thirds must have been seen, or nothing is known of growth. */
const MIN_POINTS = 2
/** Less is a batch on its way, or a store that commits once a second and is asked once a second: its troughs are known to no better. */
const MIN_GROWTH = { events: 10, seconds: 0.5 }

/**
 * What a backlog grows by in a second, as a share of what is offered; `undefined` where it was not measured. Compares the lowest backlog of the first third
 * with the lowest of the last: a store that commits every few seconds makes a sawtooth, whose troughs stand still as long as it keeps up, while a line through all
 * points leans with where the teeth happen to begin. A tooth must be no longer than a third of the stretch.
 */
export function backlogGrowth(points: readonly BacklogPoint[], offeredPerSecond: number): number | undefined {
  const known = points.flatMap(({ second, backlog }) => (backlog === undefined ? [] : [{ second, backlog }]))
  const from = points[0]?.second
  const to = points.at(-1)?.second
  if (from === undefined || to === undefined || offeredPerSecond <= 0) return undefined
  const third = (to - from + 1) / 3
  const first = known.filter(({ second }) => second < from + third)
  const last = known.filter(({ second }) => second >= from + 2 * third)
  if (first.length < MIN_POINTS || last.length < MIN_POINTS) return undefined
  const grown = lowest(last) - lowest(first)
  return grown < Math.max(MIN_GROWTH.events, MIN_GROWTH.seconds * offeredPerSecond) ? 0 : grown / (2 * third) / offeredPerSecond
}

function lowest(points: readonly { backlog: number }[]): number {
  return points.reduce((least, { backlog }) => Math.min(least, backlog), Infinity)
}
