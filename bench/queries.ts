/**
 * Questions of a dashboard over a long history, through the API of each: v1's GROUP BY over its orders, v4's rollups (not its cache), v5's view, and
 * v5 without it. Every system has the same orders, and must give the same answers. Then what an order takes on disk, once all merges are done.
 * `npm run bench:queries -- [orders] [questions of each shape]`
 */
import { isDeepStrictEqual } from 'node:util'
import pg from 'pg'
import { fill, shown } from '../src/experiment/history.ts'
import { loadArchitecture } from '../src/experiment/plan.ts'
import { HISTORY_DAYS, historyOf } from '../src/load/history.ts'
import { newHistogram, percentileMs, recordUs } from '../src/measure/histogram.ts'
import type { System } from '../src/runtime/runtime.ts'
import { connectClickhouse } from '../src/system/clickhouse/connect.ts'
import { createContext, type Context } from '../src/system/context.ts'
import { parseKnobs } from '../src/system/knobs.ts'
import { ACCOUNT } from '../src/system/postgres/connect.ts'
import { row, stack, thousands } from './stack.ts'

const [orders = 10_000_000, questions = 100] = process.argv.slice(2).map(Number)
const HOUR_MS = 3_600_000
const SEED = 1
const BY = ['product', 'store', 'type', 'hour'] as const
/** Not counted: the first ones of each shape open connections and fill caches of the machine. */
const WARM_UP = 8
/** The same moment for all. */
const HISTORY = historyOf({ orders, seed: SEED, toMs: Date.now() })

interface Case {
  title: string
  arch: string
  knobs: Record<string, string>
}

const CASES: Case[] = [
  { title: 'v1, GROUP BY', arch: 'v1', knobs: { aggregator: 'group-by' } },
  { title: 'v4, rollups', arch: 'v4', knobs: { rollup: '5', cache: 'off' } },
  { title: 'v5, view', arch: 'v5', knobs: {} },
  { title: 'v5, views=off', arch: 'v5', knobs: { views: 'off' } },
]

const SHAPES = [
  { title: 'one day, whole hours', hours: 24, whole: true },
  { title: 'one day, to the ms', hours: 24, whole: false },
  { title: '30 days, whole hours', hours: 24 * HISTORY_DAYS, whole: true },
  { title: '30 days, to the ms', hours: 24 * HISTORY_DAYS, whole: false },
] as const

/** The n-th question of a shape: each dimension in turn, stretches here and there, the same for every system and no two alike, as some systems keep answers. */
function questionOf({ hours, whole }: (typeof SHAPES)[number], n: number): string {
  const spareMs = Math.max(0, HISTORY_DAYS * 24 - hours) * HOUR_MS
  const toMs = HISTORY.toMs - Math.floor(((n * 7_919) % 1_000) / 1_000 * spareMs) - n * (whole ? HOUR_MS : 1)
  const exact = (ms: number) => new Date(whole ? Math.floor(ms / HOUR_MS) * HOUR_MS : ms).toISOString()
  return new URLSearchParams({ from: exact(toMs - hours * HOUR_MS), to: exact(toMs), by: BY[n % BY.length]! }).toString()
}

async function ask(system: System, path: string, headers: Record<string, string>): Promise<unknown> {
  const response = await fetch(`${system.apiUrl}${path}`, { headers })
  if (response.status !== 200) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return await response.json()
}

/** What the first system said; all others must say the same. */
const answers = new Map<string, unknown>()

function compare(question: string, answer: unknown): void {
  const before = answers.get(question)
  if (before === undefined) answers.set(question, answer)
  else if (!isDeepStrictEqual(before, answer)) throw new Error(`the answers to ${question} differ`)
}

async function measure({ title, arch, knobs }: Case): Promise<void> {
  await using system = await stack(arch, {}, Object.entries(knobs).map(([name, value]) => `${name}=${value}`))
  const architecture = await loadArchitecture(arch)
  const parsed = parseKnobs(architecture, knobs)
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
  const context = createContext({ env: system.env, knobs: parsed.knobs, signal: new AbortController().signal })
  const filled = await fill(architecture, context, await architecture.callers?.(context) ?? [], HISTORY, () => {})
  {
    await using judge = await architecture.judge(context)
    await shown(judge, orders, 300_000, context.signal)
  }
  const headers = await architecture.onlooker?.(context) ?? {}
  const cells: string[] = []
  for (const shape of SHAPES) {
    const histogram = newHistogram()
    for (let n = 0; n < questions + WARM_UP; n++) {
      const question = questionOf(shape, n)
      const startMs = performance.now()
      const answer = await ask(system, `/api/analytics?${question}`, headers)
      if (n >= WARM_UP) recordUs(histogram, (performance.now() - startMs) * 1_000)
      compare(question, answer)
    }
    cells.push(`${percentileMs(histogram, 50).toFixed(1)} / ${percentileMs(histogram, 95).toFixed(1)}`)
  }
  const bytes = arch === 'v5' ? await columnBytes(context) : await rowBytes(context)
  row(title, (orders / filled.seconds / 1_000).toFixed(0), ...cells, (bytes.orders / orders).toFixed(1), (bytes.totals / orders).toFixed(1))
}

interface Bytes {
  /** With its indexes. */
  orders: number
  /** Everything else that was made of them. */
  totals: number
}

async function rowBytes(context: Context): Promise<Bytes> {
  const client = new pg.Client({ ...context.address('postgres'), ...ACCOUNT })
  await client.connect()
  try {
    const { rows } = await client.query<{ is_orders: boolean; bytes: number }>(`
      SELECT relname = 'orders' OR relname LIKE 'orders\\_%' AS is_orders, sum(pg_total_relation_size(oid))::float8 AS bytes
      FROM pg_class WHERE relkind IN ('r', 'm') AND relnamespace = 'public'::regnamespace GROUP BY 1`)
    return { orders: rows.find((it) => it.is_orders)?.bytes ?? 0, totals: rows.find((it) => !it.is_orders)?.bytes ?? 0 }
  } finally {
    await client.end()
  }
}

async function columnBytes(context: Context): Promise<Bytes> {
  await using clickhouse = connectClickhouse(context, 'bench')
  for (const table of ['orders', 'totals']) await clickhouse.run(`OPTIMIZE TABLE ${table} FINAL`, { withinMs: 600_000 })
  const rows = await clickhouse.rows<[string, number]>("SELECT table, sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'lab' GROUP BY table")
  const of = (table: string) => rows.find(([name]) => name === table)?.[1] ?? 0
  return { orders: of('orders'), totals: of('totals') }
}

row('system', 'seeded, thousand orders/s', ...SHAPES.map(({ title }) => `${title}, p50 / p95 ms`), 'bytes an order on disk', 'of totals, an order')
row('---', ...Array.from({ length: SHAPES.length + 3 }, () => '---:'))
for (const one of CASES) await measure(one)
process.stdout.write(`\n${thousands(orders)} orders of ${HISTORY_DAYS} days; ${answers.size} questions, all answered alike\n`)
