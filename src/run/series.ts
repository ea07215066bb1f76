/** The latency series that an injector reports, phase by phase; the tags of `latency.hlog`. */
export const SERIES = ['latency', 'service', 'readLatency', 'sendLag', 'loopDelay', 'noisyLatency', 'othersLatency'] as const
export type Series = (typeof SERIES)[number]

/** Tag of a series in `latency.hlog`. */
export function seriesTag(phase: string, series: Series): string {
  return `${phase}.${series}`
}
