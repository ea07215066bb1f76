import { shortNumber } from '../../reports/chart-scale.ts'

/** Stands where nothing was measured. */
export const NOTHING = '–'

/** `12,345`; `12.3M` where that takes more than `cells`. */
export function count(value: number | undefined, cells = 13): string {
  if (value === undefined || !Number.isFinite(value)) return NOTHING
  const text = String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',')
  return text.length > cells || text.includes('e') ? shortNumber(value) : text
}

/** Milliseconds with one decimal, `1,204.5`, so that columns stand still; without from a hundred seconds on. */
export function ms(value: number | undefined, cells = 13): string {
  if (value === undefined || !Number.isFinite(value)) return NOTHING
  const tenths = Math.round(Math.abs(value) * 10)
  return Math.abs(value) >= 100_000
    ? count(value, cells)
    : `${value < 0 && tenths > 0 ? '-' : ''}${count(Math.floor(tenths / 10))}.${tenths % 10}`
}

/** A share of one as `12.34 %`. */
export function percent(share: number | undefined, decimals = 2): string {
  return share === undefined || !Number.isFinite(share) ? NOTHING : `${(share * 100).toFixed(decimals)} %`
}

/** Megabytes of a million bytes: `212 MB`, `1.85 GB`. */
export function bytes(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return NOTHING
  return value >= 1e10
    ? `${(value / 1e9).toFixed(1)} GB`
    : value >= 1e9
      ? `${(value / 1e9).toFixed(2)} GB`
      : value >= 1e7
        ? `${Math.round(value / 1e6)} MB`
        : `${(value / 1e6).toFixed(1)} MB`
}

/** `00:36`, `-00:05`, `1:02:03`. */
export function clock(seconds: number): string {
  if (!Number.isFinite(seconds)) return NOTHING
  const whole = Math.floor(Math.abs(seconds))
  const two = (part: number) => String(part).padStart(2, '0')
  const text =
    whole >= 3_600
      ? `${Math.floor(whole / 3_600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`
      : `${two(Math.floor(whole / 60))}:${two(whole % 60)}`
  return seconds < 0 && whole > 0 ? `-${text}` : text
}

/** Time of day where the reader is, `07:45:12`. */
export function timeOfDay(atMs: number): string {
  const date = new Date(atMs)
  return Number.isNaN(date.getTime())
    ? '--:--:--'
    : [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':')
}

/** `▁▂▃▅`: the last `width` values against the largest allowed or seen. Gaps are blank. */
export function sparkline(values: readonly (number | undefined)[], width: number, atLeast: number): string {
  const shown = values.slice(-Math.max(0, width))
  const top = shown.reduce<number>((most, value) => Math.max(most, value ?? 0), atLeast)
  const levels = '▁▂▃▄▅▆▇█'
  const cells = shown.map((value) =>
    value === undefined || !Number.isFinite(value) ? ' ' : levels[Math.max(0, Math.min(7, Math.round((value / top) * 7)))]!,
  )
  return cells.join('').padStart(Math.max(0, width))
}

/** `█████░░░`. */
export function bar(share: number, width: number): string {
  const full = Math.round(Math.max(0, Math.min(1, Number.isFinite(share) ? share : 0)) * width)
  return '█'.repeat(full) + '░'.repeat(Math.max(0, width - full))
}
