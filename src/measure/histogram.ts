/**
 * Latencies as HdrHistogram: whole µs, 3 significant digits, 1 µs … 10 min. Percentiles are never averaged:
 * histograms are merged, and read in ms. `latency.hlog` is HdrHistogram's interval log, one tag per series,
 * readable by its other tools.
 */
import {
  build, decodeFromCompressedBase64, encodeIntoCompressedBase64, HistogramLogReader, HistogramLogWriter, type Histogram,
} from 'hdr-histogram-js'
import { HIGHEST_US, SIGNIFICANT_DIGITS } from './recorder.ts'

export type { Histogram }

export function newHistogram(): Histogram {
  return build({
    bitBucketSize: 32,
    autoResize: false,
    lowestDiscernibleValue: 1,
    highestTrackableValue: HIGHEST_US,
    numberOfSignificantValueDigits: SIGNIFICANT_DIGITS,
  })
}

/** Records a latency in µs, clamped to the histogram's range. */
export function recordUs(histogram: Histogram, us: number, count = 1): void {
  histogram.recordValueWithCount(Math.min(HIGHEST_US, Math.max(0, Math.round(us))), count)
}

/** Adds `from` to `into`. */
export function mergeInto(into: Histogram, from: Histogram): void {
  into.add(from)
}

/** V2 compressed, base64. */
export function encodeHistogram(histogram: Histogram): string {
  return encodeIntoCompressedBase64(histogram)
}

/** Throws on anything that is not a V2 compressed histogram. */
export function decodeHistogram(base64: string): Histogram {
  return decodeFromCompressedBase64(base64)
}

/** Values in ms; all 0 when nothing was recorded (`count` tells). */
export function percentilesMs(histogram: Histogram): { p50: number; p95: number; p99: number; max: number; count: number } {
  return {
    p50: percentileMs(histogram, 50),
    p95: percentileMs(histogram, 95),
    p99: percentileMs(histogram, 99),
    max: percentileMs(histogram, 100),
    count: histogram.totalCount,
  }
}

export function percentileMs(histogram: Histogram, percentile: number): number {
  return histogram.totalCount === 0 ? 0 : histogram.getValueAtPercentile(percentile) / 1000
}

export interface HlogInterval {
  /** Series, e.g. `hold.latency`. */
  tag: string
  /** ms since the epoch. */
  fromMs: number
  toMs: number
  histogram: Histogram
}

/** Writes an interval log through `append` (whole lines). Timestamps are absolute; a tag must be free of commas and blanks. */
export function hlogWriter(append: (text: string) => void, startMs: number): (interval: HlogInterval) => void {
  // Its own `outputStartTime` writes the date in local time with a blank line after it, so the header is ours.
  const writer = new HistogramLogWriter(append)
  writer.outputLogFormatVersion()
  writer.outputComment(`[StartTime: ${(startMs / 1000).toFixed(3)} (seconds since epoch), ${new Date(startMs).toISOString()}]`)
  writer.outputLegend()
  return ({ tag, fromMs, toMs, histogram }) => {
    if (/[,\s]/.test(tag) || tag === '') throw new Error(`hlog tag ${JSON.stringify(tag)}: may not be empty or hold a comma or blank`)
    histogram.tag = tag
    writer.outputIntervalHistogram(histogram, fromMs / 1000, toMs / 1000)
  }
}

/** All intervals of a log, in order. A last line that was cut off is left out; a damaged line before it is an error. */
export function* readHlog(text: string): Generator<HlogInterval> {
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  const reader = new HistogramLogReader(whole)
  for (;;) {
    const histogram = reader.nextIntervalHistogram()
    if (!histogram) return
    yield { tag: histogram.tag, fromMs: histogram.startTimeStampMsec, toMs: histogram.endTimeStampMsec, histogram }
  }
}
