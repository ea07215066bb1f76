import { Agent, get } from 'node:http'
import { metricFigures, parseMetrics, type Reading } from '../measure/prometheus.ts'
import type { System } from '../runtime/runtime.ts'

/** A process too busy to answer leaves a gap; the sample does not wait for it. */
const ANSWER_WITHIN_MS = 500
const LONGEST_ANSWER_BYTES = 256 * 1024

/** Asks every process of the system for its own metrics, each time it is called. */
export function scraping(system: Pick<System, 'services'>): () => Promise<Record<string, number>> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  let before = new Map<string, Reading>()
  return async () => {
    const urls = system.services.flatMap(({ metricsUrl }) => metricsUrl ?? [])
    const now = new Map(await Promise.all(urls.map(async (url) => [url, await ask(url, agent)] as const)))
    const figures = metricFigures(now, before)
    // Who did not answer is measured from its last answer on; who is gone, no more.
    before = new Map([...now].flatMap(([url, reading]) => {
      const last = reading ?? before.get(url)
      return last === undefined ? [] : [[url, last] as const]
    }))
    return figures
  }
}

/** `only=lab`: without those of the Node process, which cost it more to make than all others. */
function ask(url: string, agent: Agent): Promise<Reading | undefined> {
  return new Promise((resolve) => {
    const request = get(`${url}?only=lab`, { agent }, (reply) => {
      let text = ''
      reply.setEncoding('latin1')
      reply.on('data', (chunk: string) => {
        text += chunk
        if (text.length > LONGEST_ANSWER_BYTES) request.destroy()
      })
      reply.on('end', () => end(reply.statusCode === 200 ? { atMs: Date.now(), values: parseMetrics(text) } : undefined))
      reply.on('error', () => end(undefined))
      reply.on('close', () => end(undefined))
    })
    const late = setTimeout(() => request.destroy(), ANSWER_WITHIN_MS)
    request.on('error', () => end(undefined))
    function end(reading: Reading | undefined): void {
      clearTimeout(late)
      resolve(reading)
    }
  })
}
