import { Agent, request } from 'node:http'
import { counter } from '../metrics.ts'
import { encodeSpans } from './otlp.ts'
import type { Span } from './span.ts'

const EVERY_MS = 500
/** What waits, at most; further spans are dropped and counted. */
const MAX_QUEUED = 20_000
/** Of one request: about 300 kB. */
const MAX_A_REQUEST = 1_000
const ANSWER_WITHIN_MS = 2_000

export type UnsentSpan = Omit<Span, 'service'>

export interface Exporter extends AsyncDisposable {
  add(span: UnsentSpan): void
}

/**
 * Sends spans in batches, one request at a time. It never holds anybody up: what does not fit is dropped, what is not taken is dropped, and
 * both are counted.
 */
export function createExporter(url: string, service: string, instance: string, log: (line: string) => void): Exporter {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  let queue: UnsentSpan[] = []
  let dropped = 0
  let exported = 0
  let away = false
  let running: Promise<void> | undefined
  counter('lab_spans_exported_total', 'Spans handed to the collector.', () => exported)
  counter('lab_spans_dropped_total', 'Spans that found no room, or no collector.', () => dropped)

  async function send(): Promise<void> {
    while (queue.length > 0) {
      const batch = queue.splice(0, MAX_A_REQUEST)
      const problem = await post(url, encodeSpans(service, { instance, dropped }, batch), agent)
      if (problem === undefined) exported += batch.length
      else dropped += batch.length
      if (problem !== undefined && !away) log(`spans are dropped: ${problem}`)
      away = problem !== undefined
    }
  }

  const timer = setInterval(() => {
    if (queue.length > 0) running ??= send().finally(() => { running = undefined })
  }, EVERY_MS)
  timer.unref()

  return {
    add(span) {
      if (queue.length < MAX_QUEUED) queue.push(span)
      else dropped += 1
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await running
      if (away) queue = []
      await send()
      agent.destroy()
    },
  }
}

/** Resolves with what went wrong. */
export function post(url: string, body: string, agent?: Agent, type = 'application/json'): Promise<string | undefined> {
  return new Promise((resolve) => {
    const headers = { 'content-type': type, 'content-length': Buffer.byteLength(body) }
    const call = request(url, { method: 'POST', agent, headers, timeout: ANSWER_WITHIN_MS }, (reply) => {
      reply.resume()
      reply.on('end', () => resolve(reply.statusCode! < 300 ? undefined : `${url} answers ${reply.statusCode}`))
      reply.on('error', (error) => resolve(error.message))
    })
    call.on('timeout', () => call.destroy(new Error(`${url} does not answer`)))
    call.on('error', (error) => resolve(error.message || `${url} cannot be reached`))
    call.end(body)
  })
}
