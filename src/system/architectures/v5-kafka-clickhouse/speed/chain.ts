/**
 * The buckets of one partition in the speed layer: consecutive, one for each cut, the last one growing. What a bucket holds follows from the log
 * and its two offsets, so that any of them is true for ever, whoever wrote it; the only question is where the batch layer ends among them.
 */
export interface Bucket<Sums> {
  from: number
  to: number
  sums: Sums
}

export interface Chain<Sums> {
  /** Where the first bucket begins. */
  start: number
  /** A batch layer that has reached this far (or further) has everything before `start`: between the two there are only duplicates. */
  since: number
  /** Without a gap between them. */
  buckets: readonly Bucket<Sums>[]
}

/**
 * The buckets that the batch layer does not have, when it has reached this offset: the end of a cut, or 0. None where its end is not met exactly:
 * a sum over what may overlap, or lack something between, would be worse than an older one.
 */
export function beyond<Sums>({ start, since, buckets }: Chain<Sums>, reached: number): readonly Bucket<Sums>[] {
  if (reached < since) return []
  if (reached <= start) return buckets
  const last = buckets.findLastIndex((it) => it.from < reached)
  return buckets[last]?.to === reached ? buckets.slice(last + 1) : []
}

/** Offsets at which the one who takes over a partition at `from` must cut, for its cuts to be these buckets; undefined where they do not meet. */
export function boundariesFrom(ends: { start: number; ends: readonly number[] }, from: number, noteTo: number | undefined): number[] | undefined {
  const { start } = ends
  const meets = (offset: number) => offset === start || ends.ends.includes(offset)
  const end = ends.ends.at(-1) ?? start
  if (from > end) return []
  if (!meets(from)) return undefined
  if (noteTo !== undefined && noteTo < end && !meets(noteTo)) return undefined
  return ends.ends.filter((it) => it > from)
}
