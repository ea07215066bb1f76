import { mean } from '../statistics.ts'
import { seededRandom } from './random.ts'

/** So many rearrangements are gone through one by one; more are sampled, so many. */
const EXACT_LIMIT = 70_000
const SAMPLED = 20_000
/** What differs by rounding alone counts as equal, as in SciPy. */
const TOLERANCE = 1e-12

/**
 * Two-sided p-value of the mean of paired differences, when each could as well have had the other sign: exact for up to 16 pairs,
 * by sampling beyond. Supposes nothing of how the differences are distributed but that, without an effect, they are symmetric about 0.
 */
export function signFlipP(differences: readonly number[], seed = 1): number {
  const n = differences.length
  if (n === 0) return 1
  const observed = mean(differences)
  const under = (isFlipped: (index: number) => boolean) => differences.reduce((sum, value, index) => sum + (isFlipped(index) ? -value : value), 0) / n
  const tally = tallyAgainst(observed)
  if (2 ** n <= EXACT_LIMIT) {
    for (let mask = 0; mask < 2 ** n; mask++) tally.add(under((index) => ((mask >> index) & 1) === 1))
    return tally.exactP()
  }
  const random = seededRandom(seed)
  for (let i = 0; i < SAMPLED; i++) tally.add(under(() => random() < 0.5))
  return tally.sampledP()
}

/** Two-sided p-value of the difference of two means, when every value could as well have come from the other side. */
export function permutationP(a: readonly number[], b: readonly number[], seed = 1): number {
  if (a.length === 0 || b.length === 0) return 1
  const all = [...a, ...b]
  const total = all.reduce((sum, value) => sum + value, 0)
  const difference = (sumOfA: number) => sumOfA / a.length - (total - sumOfA) / b.length
  const tally = tallyAgainst(mean(a) - mean(b))
  if (combinations(all.length, a.length) <= EXACT_LIMIT) {
    for (const sum of sumsOfChoices(all, a.length)) tally.add(difference(sum))
    return tally.exactP()
  }
  const random = seededRandom(seed)
  for (let i = 0; i < SAMPLED; i++) tally.add(difference(sumOfSome(all, a.length, random)))
  return tally.sampledP()
}

/** The smallest p-value that so many pairs can give at all. */
export function smallestSignFlipP(pairs: number): number {
  return Math.min(1, 2 / 2 ** pairs)
}

/** The smallest p-value that so many runs on either side can give at all. */
export function smallestPermutationP(a: number, b: number): number {
  return a === 0 || b === 0 ? 1 : Math.min(1, 2 / combinations(a + b, a))
}

function tallyAgainst(observed: number) {
  const slack = TOLERANCE * Math.max(1, Math.abs(observed))
  let asLow = 0
  let asHigh = 0
  let all = 0
  return {
    add(value: number) {
      all += 1
      if (value <= observed + slack) asLow += 1
      if (value >= observed - slack) asHigh += 1
    },
    exactP: () => Math.min(1, (2 * Math.min(asLow, asHigh)) / all),
    /** The observed arrangement counts as one of the sample: never 0. */
    sampledP: () => Math.min(1, (2 * (Math.min(asLow, asHigh) + 1)) / (all + 1)),
  }
}

function combinations(n: number, k: number): number {
  let result = 1
  for (let i = 1; i <= Math.min(k, n - k); i++) result = (result * (n - i + 1)) / i
  return Math.round(result)
}

/** The sum of every choice of `k` of the values. */
function* sumsOfChoices(values: readonly number[], k: number, from = 0, sum = 0): Generator<number> {
  if (k === 0) {
    yield sum
    return
  }
  for (let i = from; i <= values.length - k; i++) yield* sumsOfChoices(values, k - 1, i + 1, sum + values[i]!)
}

/** The sum of `k` of the values drawn without putting back. */
function sumOfSome(values: readonly number[], k: number, random: () => number): number {
  const left = [...values]
  let sum = 0
  for (let i = 0; i < k; i++) {
    const at = i + Math.floor(random() * (left.length - i))
    sum += left[at]!
    left[at] = left[i]!
  }
  return sum
}
