/**
 * `GET /analytics` of v4 over a long history: from the cache, from the rollups (a second API with `cache=off`), and the naive scan, which is the
 * same question put to PostgreSQL about the orders alone. Questions of many shapes, one after the other, each way on a warm connection; what
 * rollups answer must be what the scan finds. `npm run bench:v4-analytics -- [orders] [questions]`
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { isDeepStrictEqual } from 'node:util'
import pg from 'pg'
import { fill, shown } from '../src/experiment/history.ts'
import { loadArchitecture } from '../src/experiment/plan.ts'
import { callerPicker } from '../src/load/callers.ts'
import { HISTORY_DAYS, historyOf } from '../src/load/history.ts'
import { newHistogram, percentileMs, recordUs, type Histogram } from '../src/measure/histogram.ts'
import { entryPath } from '../src/runtime/entry.ts'
import { plainEnvironment } from '../src/runtime/environment.ts'
import type { System } from '../src/runtime/runtime.ts'
import type { AnalyticsRow, Caller } from '../src/system/architecture.ts'
import { nameOf } from '../src/system/postgres/totals.ts'
import { row, stack, thousands } from './stack.ts'
import { connected, contextOf } from './v4-senders.ts'

const [orders = 10_000_000, questions = 300] = process.argv.slice(2).map(Number)
const HOUR_MS = 3_600_000
const SEED = 1
const BY = ['product', 'store', 'type', 'hour'] as const

interface Shape {
  title: string
  /** How long a stretch of time it asks about. */
  ms: number
  /** To the hour, or to the millisecond. */
  whole: boolean
}

const SHAPES: Shape[] = [
  { title: 'one day, whole hours', ms: 24 * HOUR_MS, whole: true },
  { title: 'one day, to the ms', ms: 24 * HOUR_MS, whole: false },
  { title: 'seven days, to the ms', ms: 7 * 24 * HOUR_MS, whole: false },
  { title: '30 days, to the ms', ms: 30 * 24 * HOUR_MS, whole: false },
]

interface Question {
  caller: Caller
  by: (typeof BY)[number]
  fromMs: number
  toMs: number
}

/** Of one shape: each dimension in turn, tenants by their shares, stretches at random places. No two are the same. */
function questionsOf({ ms, whole }: Shape, callers: readonly Caller[], count: number, endMs: number): Question[] {
  const pick = callerPicker(callers, SEED)
  return Array.from({ length: count }, (_, n) => {
    const latestMs = Math.max(0, HISTORY_DAYS * 24 * HOUR_MS - ms)
    const toMs = endMs - Math.floor(Math.random() * latestMs) - n
    const fromMs = toMs - ms
    const hour = (at: number) => (whole ? Math.floor(at / HOUR_MS) * HOUR_MS : at)
    return { caller: callers[pick(1, n)]!, by: BY[n % BY.length]!, fromMs: hour(fromMs), toMs: hour(toMs) }
  })
}

/** One more API beside those of the stack. */
async function startApi(system: System, env: Record<string, string>): Promise<AsyncDisposable & { url: string }> {
  const child = spawn(process.execPath, [entryPath('service'), 'api'], {
    env: plainEnvironment({ ...system.env, LAB_ARCH: 'v4', LAB_HOST: '127.0.0.1', API_PORT: '0', ...env }), stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /\bready on (\S+),/.exec(line)?.[1]
    if (url === undefined) continue
    child.stdout.resume()
    return { url, async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await once(child, 'exit')
    } }
  }
  throw new Error('the API ended before it was ready')
}

async function timed<T>(into: Histogram, work: () => Promise<T>): Promise<T> {
  const startMs = performance.now()
  const answer = await work()
  recordUs(into, (performance.now() - startMs) * 1_000)
  return answer
}

async function askApi(url: string, { caller, by, fromMs, toMs }: Question): Promise<AnalyticsRow[]> {
  const query = new URLSearchParams({ from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString(), by })
  const response = await fetch(`${url}/analytics?${query.toString()}`, { headers: caller.readHeaders! })
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`)
  return (await response.json()) as AnalyticsRow[]
}

async function scan(client: pg.Client, { caller, by, fromMs, toMs }: Question): Promise<AnalyticsRow[]> {
  const key = by === 'hour' ? 'timestamp_ms / 3600000' : by
  const { rows } = await client.query<{ key: number; count: number; revenue: number; min: number; max: number }>({
    name: `naive-${by}`, values: [Number(caller.owner), fromMs, toMs],
    text: `SELECT (${key})::integer AS key, count(*)::float8 AS count, sum(amount_cents)::float8 AS revenue, min(amount_cents) AS min, max(amount_cents) AS max
      FROM orders WHERE workspace_id = $1 AND timestamp_ms >= $2 AND timestamp_ms < $3 GROUP BY 1`,
  })
  return rows
    .map((it) => ({ key: nameOf(by, it.key), count: it.count, revenueCents: it.revenue, avgCents: it.revenue / it.count, minCents: it.min, maxCents: it.max }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
}

await using system = await stack('v4', {}, ['rollup=5'])
const architecture = await loadArchitecture('v4')
const context = contextOf(system, {}, new AbortController().signal)
const callers = await architecture.callers!(context)
const history = historyOf({ orders, seed: SEED, toMs: Date.now() })
const filled = await fill(architecture, context, callers, history, () => {})
process.stderr.write(`${thousands(filled.orders)} orders of ${callers.length} workspaces in ${filled.seconds.toFixed(0)} s\n`)
{
  await using judge = await architecture.judge(context)
  await shown(judge, orders, 120_000, context.signal)
}
await using uncached = await startApi(system, { LAB_CACHE: 'off' })
const client = await connected(system)
let compared = 0
row('question', 'asked', 'from the cache p50 / p99 ms', 'from rollups p50 / p99 ms', 'naive scan p50 / p99 ms', 'scan ÷ rollups, p50')
row('---', '---:', '---:', '---:', '---:', '---:')
for (const shape of SHAPES) {
  const asked = questionsOf(shape, callers, Math.ceil(questions / SHAPES.length), history.toMs)
  const [kept, rolledUp, naive] = [newHistogram(), newHistogram(), newHistogram()]
  for (const question of asked.slice(0, 8)) await Promise.all([askApi(uncached.url, question), scan(client, question)])
  for (const question of asked) {
    await askApi(system.apiUrl, question)
    const fromCache = await timed(kept, () => askApi(system.apiUrl, question))
    const fromRollups = await timed(rolledUp, () => askApi(uncached.url, question))
    const fromOrders = await timed(naive, () => scan(client, question))
    if (!isDeepStrictEqual(fromRollups, fromOrders) || !isDeepStrictEqual(fromCache, fromOrders)) {
      throw new Error(`the answers differ: ${JSON.stringify({ ...question, caller: question.caller.owner })}`)
    }
    compared += 1
  }
  const both = (it: Histogram) => `${percentileMs(it, 50).toFixed(2)} / ${percentileMs(it, 99).toFixed(2)}`
  row(shape.title, String(asked.length), both(kept), both(rolledUp), both(naive), (percentileMs(naive, 50) / percentileMs(rolledUp, 50)).toFixed(1))
}
await client.end()
process.stdout.write(`\n${thousands(orders)} orders of ${callers.length} workspaces; ${compared} answers compared, all equal\n`)
