/**
 * What the others notice of a noisy neighbour in v4: one tenant sends four fifths of an unchanged total, with all workspaces in one queue and with
 * four. Whole runs of the lab, calm, noisy, calm, in a new random order in each round; the ratio is of the noisy phase and the calm ones of the
 * same run. `npm run bench:tenants -- [events/s] [seconds of the noisy phase] [rounds]`
 */
import { percentileMs } from '../src/measure/histogram.ts'
import { mergeSeries, type PhaseRecord } from '../src/run/record.ts'
import { scenarioSchema } from '../src/scenarios/scenario.ts'
import { labRun, shuffled } from './lab-run.ts'
import { median, row } from './stack.ts'
import { connected } from './v4-senders.ts'

const [perSecond = 800, seconds = 30, rounds = 5] = process.argv.slice(2).map(Number)
const SHARDS = [1, 4]

const scenario = scenarioSchema.parse({
  id: 'bench', title: 'bench', says: 'bench', baseRate: perSecond, customers: { commuter: 1 },
  phases: [
    { name: 'warmup', seconds: 8, shape: { kind: 'constant', rate: 1 }, warmup: true },
    { name: 'calm', seconds: seconds / 2, shape: { kind: 'constant', rate: 1 } },
    { name: 'noisy', seconds, shape: { kind: 'constant', rate: 1 }, noisyShare: 0.8 },
    { name: 'calm-again', seconds: seconds / 2, shape: { kind: 'constant', rate: 1 } },
  ],
  subscribers: 5, connections: 256, timeoutMs: 10_000, settleSeconds: 60, expectations: [],
})

/** When an event of the others was due, ms since the epoch, and how long after that it was stored, ms. */
interface Lag {
  dueMs: number
  ms: number
}

interface Round {
  calm: { ingestMs: number; storedMs: number }
  noisy: { ingestMs: number; storedMs: number }
  others: number
  /** Empty when the run passed. */
  reasons: string[]
}

async function measure(shards: number): Promise<Round> {
  const lags: Lag[] = []
  const { record, summary } = await labRun('v4', [`shards=${shards}`], scenario, {}, async (system) => {
    const client = await connected(system)
    // The time of an id is when it was due; the first workspace is the noisy one.
    const { rows } = await client.query<Lag>(`
      SELECT extract(epoch FROM due)::float8 * 1000 AS "dueMs", extract(epoch FROM persisted_at - due)::float8 * 1000 AS ms
      FROM (SELECT persisted_at, uuid_extract_timestamp(id) AS due FROM orders WHERE workspace_id <> (SELECT min(id) FROM workspaces)) AS of_others`)
    lags.push(...rows)
    await client.end()
  })
  const figures = (phases: PhaseRecord[]) => {
    const isIn = (dueMs: number) => phases.some((phase) => dueMs >= phase.beganAtMs && dueMs < phase.beganAtMs + phase.seconds * 1_000)
    const within = lags.filter(({ dueMs }) => isIn(dueMs)).map(({ ms }) => ms).sort((a, b) => a - b)
    const latency = mergeSeries(phases, 'othersLatency')
    return { ingestMs: latency === undefined ? NaN : percentileMs(latency, 99), storedMs: within[Math.floor(within.length * 0.99)] ?? NaN }
  }
  const named = (...names: string[]) => record.phases.filter(({ name }) => names.includes(name))
  const reasons = summary.verdict?.outcome === 'passed' ? [] : (summary.verdict?.reasons ?? ['no verdict'])
  return { calm: figures(named('calm', 'calm-again')), noisy: figures(named('noisy')), others: lags.length, reasons }
}

const measured = new Map(SHARDS.map((shards) => [shards, [] as Round[]]))
for (let round = 1; round <= rounds; round++) {
  for (const shards of shuffled(SHARDS)) {
    const found = await measure(shards)
    measured.get(shards)!.push(found)
    process.stderr.write(`${round} shards=${shards}: ${JSON.stringify(found)}\n`)
  }
}

const WHAT = [['ingest p99', 'ingestMs'], ['stored after, p99', 'storedMs']] as const
row('queues', 'of the others', 'calm, ms', 'noisy, ms', 'noisy ÷ calm, median', 'from – to', 'runs that passed')
row('---:', '---', '---:', '---:', '---:', '---:', '---:')
for (const [shards, found] of measured) {
  for (const [title, of] of WHAT) {
    const ratios = found.map(({ calm, noisy }) => noisy[of] / calm[of])
    const middle = (kind: 'calm' | 'noisy') => median(found.map((it) => it[kind][of])).toFixed(1)
    const spread = `${Math.min(...ratios).toFixed(2)} – ${Math.max(...ratios).toFixed(2)}`
    const passed = `${found.filter(({ reasons }) => reasons.length === 0).length} of ${found.length}`
    row(String(shards), title, middle('calm'), middle('noisy'), median(ratios).toFixed(2), spread, passed)
  }
}
