/** A set of whole numbers of which there are mostly none or few, and may be millions: 8 KB for every 65,536 numbers that has one. */
export interface SparseBits {
  set(n: number): void
  has(n: number): boolean
}

const PAGE_BITS = 16
const PAGE = 2 ** PAGE_BITS

export function sparseBits(): SparseBits {
  const pages = new Map<number, Uint8Array>()
  const place = (n: number) => ({ page: Math.floor(n / PAGE), byte: (n % PAGE) >>> 3, bit: 1 << (n & 7) })
  return {
    set(n) {
      const { page, byte, bit } = place(n)
      let bits = pages.get(page)
      if (bits === undefined) pages.set(page, (bits = new Uint8Array(PAGE / 8)))
      bits[byte]! |= bit
    },
    has(n) {
      if (pages.size === 0) return false
      const { page, byte, bit } = place(n)
      return ((pages.get(page)?.[byte] ?? 0) & bit) !== 0
    },
  }
}
