/** The vertical axis of a chart. */
export interface Scale {
  min: number
  max: number
  /** Values to label, ascending. */
  ticks: number[]
  /** 0 at the bottom, 1 at the top; clamped. */
  position(y: number): number
}

/** Beyond this a value is drawn at the edge: differences of larger doubles overflow. */
const LARGEST = 1e150
const SMALLEST = 1e-150
/** Round numbers that an axis may end at; close together, so little of the height is wasted. */
const ROUND = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10]

/** The smallest round number ≥ value; 0 for everything that is not above zero. */
export function roundUp(value: number): number {
  if (!(value > SMALLEST)) return 0
  const power = 10 ** Math.floor(Math.log10(Math.min(value, LARGEST)))
  const factor = Math.min(value, LARGEST) / power
  return (ROUND.find((round) => round >= factor - 1e-9) ?? 10) * power
}

/** From zero (or a round number below the smallest) to a round number above the largest: it moves rarely, so a live chart does not twitch. */
export function linearScale(smallest: number, largest: number, rows: number): Scale {
  const max = roundUp(largest) || (smallest < 0 ? 0 : 1)
  const min = smallest < 0 ? -roundUp(-smallest) : 0
  const range = max - min || 1
  const steps = rows >= 9 ? 4 : rows >= 5 ? 2 : 1
  return {
    min,
    max,
    ticks: Array.from({ length: steps + 1 }, (_, i) => min + (range * i) / steps),
    position: (y) => clamp((Math.max(-LARGEST, Math.min(y, LARGEST)) - min) / range),
  }
}

/** Whole powers of ten around what is there: the median and the worst percentile fit into one picture. Zero and less are drawn at the bottom. */
export function logScale(smallestPositive: number, largest: number, rows: number): Scale {
  const top = Math.min(Math.max(largest, SMALLEST), LARGEST)
  const bottom = Math.min(Math.max(smallestPositive, SMALLEST), top)
  const from = Math.floor(Math.log10(bottom) + 1e-9)
  const to = Math.max(Math.ceil(Math.log10(top) - 1e-9), from + 1)
  const every = Math.max(1, Math.ceil((to - from) / Math.max(1, rows - 1)))
  const ticks: number[] = []
  for (let power = from; power <= to; power += every) ticks.push(10 ** power)
  return {
    min: 10 ** from,
    max: 10 ** to,
    ticks,
    position: (y) => (y > SMALLEST ? clamp((Math.log10(Math.min(y, LARGEST)) - from) / (to - from)) : 0),
  }
}

function clamp(share: number): number {
  return Math.max(0, Math.min(1, share))
}

/** `950`, `1.2k`, `5M`: three digits that count, at most six characters for anything a run can reach. */
export function shortNumber(value: number): string {
  const size = Math.abs(value)
  if (size === 0) return '0'
  if (size >= 1e15 || size < 1e-3) return value.toExponential(0)
  const [divisor, suffix] =
    size >= 1e12 ? [1e12, 'T'] : size >= 1e9 ? [1e9, 'G'] : size >= 1e6 ? [1e6, 'M'] : size >= 1e3 ? [1e3, 'k'] : [1, '']
  return `${Number((value / divisor).toPrecision(3))}${suffix}`
}
