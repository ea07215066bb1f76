import { createServer } from 'node:http'

interface Metric {
  name: string
  help: string
  /** Name in `system.metrics` or `system.events`, or a statement of one number. */
  from: { metric: string } | { event: string } | { statement: string }
}

/** What a report shows of a ClickHouse. */
const METRICS: readonly Metric[] = [
  { name: 'lab_clickhouse_rows_inserted_total', help: 'Rows inserted, those of views included.', from: { event: 'InsertedRows' } },
  { name: 'lab_clickhouse_inserts_total', help: 'Statements that insert.', from: { event: 'InsertQuery' } },
  { name: 'lab_clickhouse_queries_total', help: 'Statements that read.', from: { event: 'SelectQuery' } },
  { name: 'lab_clickhouse_merged_rows_total', help: 'Rows written anew by merges.', from: { event: 'MergedRows' } },
  { name: 'lab_clickhouse_inserts_delayed_total', help: 'Blocks held up as there were too many parts.', from: { event: 'DelayedInserts' } },
  { name: 'lab_clickhouse_merges', help: 'Merges running.', from: { metric: 'Merge' } },
  { name: 'lab_clickhouse_memory_bytes', help: 'Memory that statements and caches have taken.', from: { metric: 'MemoryTracking' } },
  { name: 'lab_clickhouse_parts', help: 'Parts that are read.', from: { statement: "SELECT count() FROM system.parts WHERE active AND database NOT IN ('system')" } },
]

/** One statement for all of them: name, value, a line each. Exported for the test. */
export const METRICS_STATEMENT = METRICS.map(({ name, from }) => {
  if ('statement' in from) return `SELECT '${name}', toFloat64((${from.statement}))`
  const [table, column, wanted] = 'metric' in from ? ['metrics', 'metric', from.metric] : ['events', 'event', from.event]
  return `SELECT '${name}', toFloat64(sum(value)) FROM system.${table} WHERE ${column} = '${wanted}'`
}).join('\nUNION ALL\n')

/** Prometheus' text of what the statement answers. */
export function metricsText(answer: string): string {
  const values = new Map(answer.trim().split('\n').map((line) => line.split('\t') as [string, string]))
  return METRICS.filter(({ name }) => values.has(name))
    .map(({ name, help }) => `# HELP ${name} ${help}\n# TYPE ${name} ${name.endsWith('_total') ? 'counter' : 'gauge'}\n${name} ${values.get(name)}\n`)
    .join('')
}

/** `/metrics` on a free port of loopback: the lab reads names that begin with `lab_`, the engine's own endpoint has others, and 2,000 of them. */
export async function serveClickhouseMetrics(ask: (statement: string) => Promise<string>): Promise<{ port: number }> {
  const server = createServer((incoming, reply) => {
    if (incoming.url?.split('?', 1)[0] !== '/metrics') return void reply.writeHead(404).end()
    ask(METRICS_STATEMENT).then((answer) => reply.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(metricsText(answer)), () => reply.writeHead(503).end())
  })
  await new Promise<void>((resolve, reject) => void server.once('error', reject).listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return { port: typeof address === 'object' && address ? address.port : 0 }
}
