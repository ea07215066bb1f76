/** What the terminal's font can show; each falls back to the next. */
export type Glyphs = 'braille' | 'block' | 'ascii'

/** Dots of one cell: across × down. */
const CELL = { braille: [2, 4], block: [1, 2], ascii: [1, 2] } as const
/** Unicode's braille patterns number their dots by column, with the bottom row added later. */
const BRAILLE_BITS = [
  [0x01, 0x02, 0x04, 0x40],
  [0x08, 0x10, 0x20, 0x80],
] as const
const HALVES = { block: [' ', '▀', '▄', '█'], ascii: [' ', "'", '.', ':'] } as const

/** A raster of dots, several of them to a cell. Each cell remembers who drew there last. */
export interface Dots {
  /** In dots. */
  width: number
  height: number
  /** From the top left; both ends included. Must lie inside. */
  line(x0: number, y0: number, x1: number, y1: number, owner: number): void
  /** One string a row. `behind` gives what shows where no dot is: one cell, or nothing. */
  rows(paint: (text: string, owner: number) => string, behind: (column: number) => string | undefined): string[]
}

export function createDots(columns: number, rows: number, glyphs: Glyphs): Dots {
  const [across, down] = CELL[glyphs]
  const masks = new Uint8Array(columns * rows)
  const owners = new Uint8Array(columns * rows)

  function set(x: number, y: number, owner: number): void {
    const column = Math.floor(x / across)
    const row = Math.floor(y / down)
    const cell = row * columns + column
    masks[cell]! |= glyphs === 'braille' ? BRAILLE_BITS[x % 2]![y % 4]! : 1 << (y % 2)
    owners[cell] = owner
  }

  return {
    width: columns * across,
    height: rows * down,
    line(x0, y0, x1, y1, owner) {
      const steps = Math.max(Math.abs(x1 - x0), Math.abs(y1 - y0))
      for (let step = 0; step <= steps; step++) {
        const share = steps === 0 ? 0 : step / steps
        set(Math.round(x0 + (x1 - x0) * share), Math.round(y0 + (y1 - y0) * share), owner)
      }
    },
    rows(paint, behind) {
      const backdrop = Array.from({ length: columns }, (_, column) => behind(column))
      return Array.from({ length: rows }, (_, row) => {
        let line = ''
        let run = ''
        let runOwner = -1
        for (let column = 0; column <= columns; column++) {
          const cell = row * columns + column
          const mask = column < columns ? masks[cell]! : 0
          const owner = column === columns ? -2 : mask === 0 ? -1 : owners[cell]!
          if (owner !== runOwner) {
            line += run === '' ? '' : runOwner === -1 && run.trim() === '' ? run : paint(run, runOwner)
            run = ''
            runOwner = owner
          }
          if (column < columns)
            run +=
              mask === 0 ? (backdrop[column] ?? ' ') : glyphs === 'braille' ? String.fromCharCode(0x2800 + mask) : HALVES[glyphs][mask]!
        }
        return line
      })
    },
  }
}
