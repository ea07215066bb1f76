/** What the page of a report draws its charts from; embedded in it. Shared by the lab, which writes it, and the page, which reads it. */
export interface PageData {
  runId: string
  /** Seconds since the load began, of every sample; all values of a chart are of these moments. */
  seconds: number[]
  charts: ChartData[]
  phases: Band[]
  faults: Band[]
  spectra: Spectrum[]
}

export interface ChartData {
  id: string
  title: string
  /** Of all series: `ms`, `/s`, `MiB` … */
  unit: string
  /** One sentence under the title. */
  says?: string
  /** May be looked at on a logarithmic scale, too. */
  log?: boolean
  /** Of the many figures of the system itself: one at a time is shown, by choice. */
  choice?: boolean
  series: SeriesData[]
}

export interface SeriesData {
  name: string
  /** `null` where nothing was measured. */
  values: (number | null)[]
  /** Instead of the chart's. */
  unit?: string
}

export interface Band {
  label: string
  from: number
  /** Absent: to the end. */
  to?: number
  /** Warm-up. */
  faint?: boolean
}

/** Percentiles of one latency, merged over phases. */
export interface Spectrum {
  id: string
  title: string
  /** One in so many is slower: 10 is p90, 100 is p99. */
  oneIn: number[]
  series: { name: string; valuesMs: (number | null)[] }[]
}
