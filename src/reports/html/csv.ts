import type { ChartData, PageData, Spectrum } from './page-data.ts'

/** A column of seconds, then one a series; what was not measured stays empty. */
export function csvOf({ seconds }: PageData, charts: readonly ChartData[]): string {
  const columns = charts.flatMap(({ title, unit, series }) => series.map(({ name, values, unit: own }) => ({ head: `${title}: ${name}${(own ?? unit) === '' ? '' : ` (${own ?? unit})`}`, values })))
  const rows = seconds.map((second, row) => [second, ...columns.map(({ values }) => values[row] ?? '')].join(','))
  return [['second', ...columns.map(({ head }) => quoted(head))].join(','), ...rows, ''].join('\n')
}

export function csvOfSpectrum({ oneIn, series }: Spectrum): string {
  const rows = oneIn.map((one, row) => [(100 * (1 - 1 / one)).toPrecision(8), ...series.map(({ valuesMs }) => valuesMs[row] ?? '')].join(','))
  return [['percentile', ...series.map(({ name }) => quoted(`${name} (ms)`))].join(','), ...rows, ''].join('\n')
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`
}
