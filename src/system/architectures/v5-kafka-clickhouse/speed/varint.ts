/** Numbers of 7 bits a byte, the lowest first; the top bit says that more follow. Whole numbers from 0 to 2^53 − 1. */
export function writeVarint(bytes: number[], value: number): void {
  let rest = value
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80)
    rest = Math.floor(rest / 0x80)
  }
  bytes.push(rest)
}

/** Each call returns the next number, from `at` on. Throws a RangeError past the end. */
export function readVarints(bytes: Buffer, at: number): () => number {
  let i = at
  return () => {
    let value = 0
    for (let scale = 1; ; scale *= 0x80) {
      if (i >= bytes.length) throw new RangeError(`a number is cut off at byte ${i} of ${bytes.length}`)
      const byte = bytes[i++]!
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
  }
}
