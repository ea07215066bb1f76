/** Object identifiers and widths, from pg_type. */
const ELEMENTS = { uuid: [2950, 16], int8: [20, 8], int4: [23, 4], int2: [21, 2] } as const
const HEADER_BYTES = 20

/**
 * An array of PostgreSQL in its binary form, every element 0: dimensions, has-nulls, element type, length, lower bound; then every element
 * after its length (array_recv in arrayfuncs.c). As text PostgreSQL spent 2–3 µs an event on reading six of them.
 */
export function binaryArray(element: keyof typeof ELEMENTS, length: number): Buffer {
  const [identifier, width] = ELEMENTS[element]
  const bytes = Buffer.alloc(HEADER_BYTES + length * (4 + width))
  for (const [i, word] of [1, 0, identifier, length, 1].entries()) bytes.writeInt32BE(word, 4 * i)
  for (let row = 0; row < length; row++) bytes[HEADER_BYTES + row * (4 + width) + 3] = width
  return bytes
}

/** Where the element of this row begins. */
export function elementAt(width: number, row: number): number {
  return HEADER_BYTES + row * (4 + width) + 4
}
