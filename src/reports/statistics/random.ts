import { hash32 } from '../../load/customers.ts'

/** Numbers from 0 up to 1 (exclusive), the same for the same seed: whoever makes a comparison again gets the same verdict. */
export function seededRandom(seed: number): () => number {
  let counter = 0
  return () => hash32(seed, counter++) / 2 ** 32
}
