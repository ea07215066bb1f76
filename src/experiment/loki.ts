/** One line of a service's output. */
export interface LogLine {
  atMs: number
  service: string
  replica: number
  line: string
}

/** Kept while nobody fetches them. */
export const MAX_LINES = 5_000
const ANSWER_WITHIN_MS = 2_000

/** The body of Loki's push API. https://grafana.com/docs/loki/latest/reference/loki-http-api/#ingest-logs */
export function lokiBody(lines: readonly LogLine[], run: string): string {
  const streams = Map.groupBy(lines, ({ service, replica }) => `${service} ${replica}`)
  return JSON.stringify({
    streams: [...streams.values()].map((theirs) => ({
      stream: { job: 'load-lab', run, service: theirs[0]!.service, replica: String(theirs[0]!.replica) },
      values: theirs.map(({ atMs, line }) => [`${atMs}000000`, line]),
    })),
  })
}

/** Sends what services print to Loki; what it does not take is kept a while and then dropped, oldest first. */
export function lokiShipper(url: string, run: string): { ship(lines: LogLine[]): Promise<void> } {
  return {
    async ship(lines) {
      const batch = lines.splice(0)
      if (batch.length === 0) return
      try {
        const reply = await fetch(`${url}/loki/api/v1/push`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: lokiBody(batch, run), signal: AbortSignal.timeout(ANSWER_WITHIN_MS) })
        await reply.arrayBuffer()
        if (reply.status >= 500) throw new Error(String(reply.status))
      } catch {
        lines.unshift(...batch.slice(-MAX_LINES))
      }
    },
  }
}
