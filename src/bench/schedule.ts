import { seededRandom } from '../reports/statistics/random.ts'

export type Side = 'base' | 'head'

/** One pair of runs, in the order they are run. `same`: the base against itself, to see how far the machine can be trusted. */
export interface Pair {
  kind: 'change' | 'same'
  order: readonly [Side, Side]
}

/**
 * Pure: all pairs of a sitting in random order, and random which of the two comes first. What drifts on the machine (heat, neighbours, a
 * filling disk) so meets both builds alike, and nothing that comes and goes regularly can fall in with one of them.
 */
export function schedule(pairs: number, samePairs: number, seed: number): Pair[] {
  const random = seededRandom(seed)
  const all = [
    ...Array.from({ length: pairs }, (): Pair => ({ kind: 'change', order: random() < 0.5 ? ['base', 'head'] : ['head', 'base'] })),
    ...Array.from({ length: samePairs }, (): Pair => ({ kind: 'same', order: ['base', 'base'] })),
  ]
  for (let i = all.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[all[i], all[j]] = [all[j]!, all[i]!]
  }
  return all
}
