/**
 * A whole interval log as one histogram a tag. The library makes a histogram of every line and adds its 31,000 counts up: 4 s for the
 * 20,000 lines of an hour. This adds what a line holds straight to the sum of its tag, in a tenth of that.
 */
import { inflateSync } from 'node:zlib'
import { HIGHEST_US, SIGNIFICANT_DIGITS, valueAt } from './recorder.ts'
import { newHistogram, type Histogram } from './histogram.ts'

const V2_COOKIE = 0x1c849303 | 0x10
const V2_COMPRESSED_COOKIE = 0x1c849304 | 0x10
const HEADER_BYTES = 40

/**
 * Histograms by tag, from the lines of a log. A last line that was cut off is left out; throws on a damaged line before it, and on
 * histograms that are not the lab's.
 */
export async function sumHlog(lines: AsyncIterable<string> | Iterable<string>): Promise<Map<string, Histogram>> {
  const sums = new Map<string, Float64Array>()
  let number = 0
  let broken: string | undefined
  for await (const line of lines) {
    if (broken !== undefined) throw new Error(broken)
    number += 1
    // Comments and the legend.
    if (!line.startsWith('Tag=')) continue
    try {
      addLine(line, sums)
    } catch (error) {
      broken = `line ${number}: ${(error as Error).message}`
    }
  }
  return new Map([...sums].map(([tag, counts]) => [tag, histogramOf(counts)]))
}

/** `Tag=hold.latency,<start>,<length>,<max>,<base64>` */
function addLine(line: string, sums: Map<string, Float64Array>): void {
  const tag = line.slice('Tag='.length, line.indexOf(','))
  const packed = decoded(line.slice(line.lastIndexOf(',') + 1))
  if (packed.length < 8 || packed.readInt32BE(0) !== V2_COMPRESSED_COOKIE) throw new Error('no compressed histogram of version 2')
  // Most need less; the default of 16 KiB a line would be 300 MB of garbage in an hour's log.
  const plain = inflateSync(packed.subarray(8, 8 + packed.readInt32BE(4)), { chunkSize: 1_024 })
  let counts = sums.get(tag)
  if (counts === undefined) sums.set(tag, (counts = new Float64Array(COUNTS)))
  addCounts(plain, counts)
}

/** One buffer for all lines: 20,000 of their own wait long to be collected. */
let scratch = Buffer.alloc(1 << 16)

function decoded(base64: string): Buffer {
  if (base64.length > scratch.length) scratch = Buffer.alloc(2 * base64.length)
  return scratch.subarray(0, scratch.write(base64, 'base64'))
}

/** Counts are ZigZag LEB128; a negative one is so many zeros. */
function addCounts(plain: Buffer, counts: Float64Array): void {
  if (plain.length < HEADER_BYTES || plain.readInt32BE(0) !== V2_COOKIE) throw new Error('no histogram of version 2')
  if (plain.readInt32BE(12) !== SIGNIFICANT_DIGITS || plain.readBigInt64BE(16) !== 1n || plain.readBigInt64BE(24) !== BigInt(HIGHEST_US)) {
    throw new Error('a histogram of another range or precision than the lab writes')
  }
  const end = HEADER_BYTES + plain.readInt32BE(4)
  if (end > plain.length) throw new Error('a histogram that ends too early')
  let index = 0
  for (let at = HEADER_BYTES; at < end; ) {
    let value = 0
    let factor = 1
    let byte: number
    do {
      byte = plain[at++]!
      value += (byte & 0x7f) * factor
      factor *= 0x80
    } while (byte >= 0x80 && at < end)
    if (value % 2 === 1) index += (value + 1) / 2
    else if (index < counts.length) counts[index++]! += value / 2
    else throw new Error('more counts than the range has')
  }
}

const COUNTS = countsOf(HIGHEST_US)

function countsOf(highest: number): number {
  let index = 0
  while (valueAt(index) <= highest) index += 1
  return index
}

function histogramOf(counts: Float64Array): Histogram {
  const histogram = newHistogram()
  for (const [index, count] of counts.entries()) if (count > 0) histogram.recordValueWithCount(Math.min(HIGHEST_US, valueAt(index)), count)
  return histogram
}
