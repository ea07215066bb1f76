import type { Percentiles } from '../run/events.ts'

/** p50, p95, p99 and max, or dashes. */
export function percentileCells(values: Percentiles | undefined): string[] {
  return values === undefined || values.count === 0 ? ['–', '–', '–', '–'] : [values.p50, values.p95, values.p99, values.max].map((value) => num(value))
}

/** Whole, with separators of thousands. */
export function int(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

/** Three significant digits, no exponent. */
export function num(value: number): string {
  if (value >= 100) return int(value)
  return value >= 10 ? value.toFixed(1) : value.toFixed(2)
}

/** Milliseconds, from ten seconds on in seconds. */
export function ms(value: number): string {
  return value >= 10_000 ? `${num(value / 1_000)} s` : `${num(value)} ms`
}

/** Bytes in MiB, from one GiB on in GiB. */
export function mib(bytes: number): string {
  return bytes >= 1024 ** 3 ? `${(bytes / 1024 ** 3).toFixed(1)} GiB` : `${int(bytes / 1024 ** 2)} MiB`
}
