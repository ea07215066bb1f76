/**
 * The lab's ids: UUIDv7 (RFC 9562), whose 74 free bits carry run tag (24), source (10) and sequence (40).
 *
 *   tttttttt-tttt-7aaa-wwww-ssqqqqqqqqqq
 *   t  intended send time, ms since the epoch (48)      a  run tag, high 12 bits
 *   w  variant 10, run tag low 12 bits, source high 2   s  source low 8   q  sequence (40)
 *
 * So ids sort by time, index the ledger directly, and carry the moment from which persistence lag is measured.
 */
export interface OrderId {
  timeMs: number
  /** 24 bits; 0 is history that `lab seed` wrote. */
  runTag: number
  /** 10 bits: see {@link sourceOf}. */
  source: number
  /** 40 bits, contiguous from 0 within a source. */
  sequence: number
}

export const MAX_RUN_TAG = 2 ** 24 - 1
export const MAX_SOURCE = 2 ** 10 - 1
export const MAX_SEQUENCE = 2 ** 40 - 1

/** A source is one customer profile of one injector: `injector` 0…127, `profile` 0…7. */
export function sourceOf(injector: number, profile: number): number {
  return injector * 8 + profile
}

export function profileOf(source: number): number {
  return source % 8
}

/** Makes the ids of one source: everything but time and sequence is rendered once. */
export function orderIdWriter(runTag: number, source: number): (timeMs: number, sequence: number) => string {
  const word = 0x8000 | ((runTag & 0xfff) << 2) | (source >> 8)
  const middle = `-7${hex(runTag >>> 12, 3)}-${hex(word, 4)}-${hex(source & 0xff, 2)}`
  let lastMs = -1
  let head = ''
  return (timeMs, sequence) => {
    if (timeMs !== lastMs) {
      const time = hex(timeMs, 12)
      head = `${time.slice(0, 8)}-${time.slice(8)}${middle}`
      lastMs = timeMs
    }
    return head + hex(sequence, 10)
  }
}

/** `undefined` for an id that is not of this form. */
export function parseOrderId(id: string): OrderId | undefined {
  if (id.length !== 36 || id[14] !== '7') return undefined
  const timeMs = parseInt(id.slice(0, 8), 16) * 0x10000 + parseInt(id.slice(9, 13), 16)
  const word = parseInt(id.slice(19, 23), 16)
  const sequence = parseInt(id.slice(26), 16)
  const runTag = (parseInt(id.slice(15, 18), 16) << 12) | ((word >> 2) & 0xfff)
  const source = ((word & 3) << 8) | parseInt(id.slice(24, 26), 16)
  if (Number.isNaN(timeMs + sequence + runTag + source) || word >>> 14 !== 2) return undefined
  return { timeMs, runTag, source, sequence }
}

function hex(value: number, width: number): string {
  return value.toString(16).padStart(width, '0')
}
