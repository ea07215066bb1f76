import { existsSync } from 'node:fs'
import { open } from 'node:fs/promises'
import type { Span } from '../system/tracing/span.ts'

/** Spans of a run, one a line, in the run's folder. */
export const TRACES_FILE = 'traces.ndjson'
/** About 40 MB; what comes later is counted and not kept. */
export const MAX_SPANS_KEPT = 150_000

/** `undefined` where the run was not observed; a last line that was cut off is left out. */
export async function readSpans(path: string): Promise<Span[] | undefined> {
  if (!existsSync(path)) return undefined
  await using file = await open(path)
  const spans: Span[] = []
  for await (const line of file.readLines()) {
    try {
      spans.push(JSON.parse(line) as Span)
    } catch {
      break
    }
    if (spans.length >= MAX_SPANS_KEPT) break
  }
  return spans
}
