/**
 * Hodges-Lehmann estimate of where the middle lies: the median of the means of all pairs, each value with itself included.
 * Nearly as sharp as the mean on clean data, and one run that went astray hardly moves it. `NaN` of nothing.
 */
export function pseudoMedian(values: readonly number[]): number {
  const means = new Float64Array((values.length * (values.length + 1)) / 2)
  let next = 0
  for (let i = 0; i < values.length; i++) for (let j = i; j < values.length; j++) means[next++] = (values[i]! + values[j]!) / 2
  return middleOf(means)
}

/** Hodges-Lehmann estimate of how far `values` lie above `base`: the median of all differences. `NaN` where either is empty. */
export function shift(values: readonly number[], base: readonly number[]): number {
  const differences = new Float64Array(values.length * base.length)
  let next = 0
  for (const value of values) for (const other of base) differences[next++] = value - other
  return middleOf(differences)
}

/** Sorts in place: a typed array sorts numbers several times as fast, and a bootstrap asks ten thousand times. */
function middleOf(values: Float64Array): number {
  if (values.length === 0) return Number.NaN
  values.sort()
  const middle = values.length >> 1
  return values.length % 2 === 1 ? values[middle]! : (values[middle - 1]! + values[middle]!) / 2
}

