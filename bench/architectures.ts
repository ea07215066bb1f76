/**
 * All architectures in one sitting: the highest rate each holds (the scenario `breakpoint`), then one run at half of it, every figure also as a share of
 * `null`'s. What is done is kept in a file, so that an interruption costs one architecture; the folders of the searches stay beside it.
 *
 *   npm run bench:architectures -- [architectures …] [--hold 30] [--tolerance 0.05] [--confirmations 3] [--first v1=2000 …] [--half 30] [--out results/architectures] [--fresh]
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { plainLog } from '../src/cli/plain.ts'
import type { Interruption } from '../src/experiment/ending.ts'
import { searchCapacity } from '../src/experiment/breakpoint.ts'
import { planRun, type RunPlan } from '../src/experiment/plan.ts'
import { run } from '../src/experiment/run.ts'
import { rate as rateText, answerOf } from '../src/reports/searched.ts'
import { summarise } from '../src/reports/summarise.ts'
import type { RunEvent } from '../src/run/events.ts'
import { readRecord } from '../src/run/record.ts'
import type { RunState } from '../src/run/state.ts'
import { local } from '../src/runtime/local/local.ts'
import type { Runtime } from '../src/runtime/runtime.ts'
import { scenarioSchema } from '../src/scenarios/scenario.ts'
import { ARCHITECTURE_IDS } from '../src/system/architectures/index.ts'
import { row, thousands } from './stack.ts'

/** Where the doubling begins: a factor of two to four below what a quiet machine with two cores holds. */
const FIRST_RATES: Record<string, number> = { null: 4_000, v0: 1_000, v1: 1_000, v2: 2_000, v3: 1_000, v4: 500, v5: 1_000 }
const PROBES = 12
const OVERHEAD_SECONDS: Record<string, number> = { v3: 35, v4: 22, v5: 20 }

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    hold: { type: 'string', default: '30' },
    half: { type: 'string', default: '30' },
    tolerance: { type: 'string', default: '0.05' },
    confirmations: { type: 'string', default: '3' },
    first: { type: 'string', multiple: true, default: [] },
    out: { type: 'string', default: 'results/architectures' },
    fresh: { type: 'boolean', default: false },
  },
})
const settings = {
  holdSeconds: positive('hold'),
  halfSeconds: positive('half'),
  tolerance: positive('tolerance'),
  confirmations: positive('confirmations'),
}

/** Figures of one run at half the highest rate that holds; absent where there is nothing to measure. */
interface Half {
  ratePerSecond: number
  verdict: string
  acceptP50Ms?: number
  acceptP99Ms?: number
  persistedP50Ms?: number
  persistedP99Ms?: number
  visibleP50Ms?: number
  visibleP99Ms?: number
  /** Of the whole system, injector and lab left out. */
  cpuSecondsPerMillion?: number
  /** What the data folders grew by, logs of the stores included. */
  diskBytesPerMillion?: number
  /** Largest resident sizes of all services, added up. */
  memoryBytes?: number
  bringUpSeconds?: number
}

interface Done {
  atMs: number
  answer: string
  exitCode: number
  /** Highest rate that holds. */
  rate?: number
  gaveOut?: string
  half?: Half
  folder: string
}

interface Kept {
  settings: typeof settings
  done: Record<string, Done>
}

const three = (value: number) => (value >= 100 ? thousands(value) : value.toPrecision(value >= 1 ? 3 : 2))
const mib = (value: number) => three(value / 1024 ** 2)
const COLUMNS: readonly [title: string, key: Exclude<keyof Half, 'verdict' | 'ratePerSecond'>, text: (value: number) => string][] = [
  ['accepted p50 ms', 'acceptP50Ms', three],
  ['p99', 'acceptP99Ms', three],
  ['persisted p50 ms', 'persistedP50Ms', three],
  ['p99', 'persistedP99Ms', three],
  ['visible p50 ms', 'visibleP50Ms', three],
  ['p99', 'visibleP99Ms', three],
  ['CPU-s per million', 'cpuSecondsPerMillion', three],
  ['disk MiB per million', 'diskBytesPerMillion', mib],
  ['memory MiB', 'memoryBytes', mib],
  ['warm bring-up s', 'bringUpSeconds', three],
]

const interrupted = new AbortController()
process.once('SIGINT', () => interrupted.abort({ exitCode: 130 } satisfies Interruption))
const say = (line: string) => process.stderr.write(`${line}\n`)

const archs = positionals.length > 0 ? positionals : ARCHITECTURE_IDS
const first = { ...FIRST_RATES, ...Object.fromEntries(values.first.map((pair) => [pair.split('=')[0]!, Number(pair.split('=')[1])])) }
mkdirSync(values.out, { recursive: true })
const keptFile = join(values.out, 'done.json')
if (values.fresh) rmSync(keptFile, { force: true })
const kept: Kept = existsSync(keptFile) ? (JSON.parse(readFileSync(keptFile, 'utf8')) as Kept) : { settings, done: {} }
if (JSON.stringify(kept.settings) !== JSON.stringify(settings)) throw new Error(`${keptFile} was made with ${JSON.stringify(kept.settings)}, not ${JSON.stringify(settings)}: --fresh begins anew, --out names another folder`)

const secondsOf = (arch: string) => PROBES * (settings.holdSeconds + 8 + (OVERHEAD_SECONDS[arch] ?? 12)) + settings.halfSeconds + 30
const toDo = archs.filter((arch) => kept.done[arch] === undefined)
for (const [index, arch] of toDo.entries()) {
  const leftMinutes = toDo.slice(index).reduce((sum, one) => sum + secondsOf(one), 0) / 60
  say(`\n== ${arch}, ${index + 1} of ${toDo.length}; all that is left takes about ${leftMinutes.toFixed(0)} min`)
  try {
    kept.done[arch] = await measure(arch)
    writeFileSync(`${keptFile}.new`, `${JSON.stringify(kept, null, 2)}\n`)
    renameSync(`${keptFile}.new`, keptFile)
  } catch (error) {
    if (interrupted.signal.aborted) break
    say(`${arch}: ${error instanceof Error ? error.message : String(error)}; it is tried again when this is run again`)
  }
}
print(archs.flatMap((arch) => (kept.done[arch] === undefined ? [] : [[arch, kept.done[arch]!] as const])))
process.exitCode = interrupted.signal.aborted ? 130 : archs.every((arch) => kept.done[arch] !== undefined) ? 0 : 1

async function measure(arch: string): Promise<Done> {
  const plan = await planOf(arch, local, { rate: String(first[arch] ?? 500), duration: String(settings.holdSeconds + 8) })
  const search = { ...plan.scenario.search!, tolerance: settings.tolerance, confirmations: settings.confirmations }
  const state = await told(arch, searchCapacity({ ...plan, scenario: { ...plan.scenario, search } }, search, interrupted.signal))
  if (state.ended?.status !== 'complete' || state.search?.searched === undefined) throw new Error(`the search ${state.ended?.status}: ${state.ended?.why ?? ''}`)
  const { searched } = state.search
  if (searched.why === 'disturbed' || searched.why === 'too-many-probes') throw new Error(`no answer (${state.verdict?.reasons.join('; ')})`)
  const done: Done = { atMs: Date.now(), answer: answerOf(searched), exitCode: state.ended.exitCode, gaveOut: searched.bottleneck?.says, folder: plan.runId, ...(searched.pass && { rate: searched.pass.rate }) }
  return searched.pass === undefined ? done : { ...done, half: await atHalf(arch, searched.pass.rate / 2) }
}

/** One run at a constant rate in a fresh system, its caches warm: the search has been there. */
async function atHalf(arch: string, ratePerSecond: number): Promise<Half> {
  const scenario = scenarioSchema.parse({
    id: 'half', title: 'Half of what it holds', says: 'bench', baseRate: ratePerSecond, customers: { commuter: 1 },
    phases: [{ name: 'warmup', seconds: 10, shape: { kind: 'constant', rate: 1 }, warmup: true }, { name: 'half', seconds: settings.halfSeconds, shape: { kind: 'constant', rate: 1 } }],
    subscribers: 20, connections: 256, timeoutMs: 10_000, settleSeconds: 120, expectations: [{ metric: 'errorRate', phase: 'half', atMost: 0.001 }],
  })
  let upMs = 0
  let readyMs = 0
  let bytesBefore = 0
  const runtime: Runtime = {
    ...local,
    async up(request) {
      upMs = performance.now()
      const system = await local.up(request)
      readyMs = performance.now()
      bytesBefore = total(await system.dataBytes())
      return system
    },
  }
  const planned = await planOf(arch, runtime, {})
  const plan = { ...planned, scenario, baseRate: ratePerSecond, runId: planned.runId.replace('breakpoint', 'half') }
  const state = await told(arch, run(plan, interrupted.signal))
  if (state.ended?.status !== 'complete') throw new Error(`the run at half the rate ${state.ended?.status}: ${state.ended?.why ?? ''}`)
  const record = await readRecord(join(plan.resultsDir, plan.runId))
  const { overall, accounting, resources, dataBytes, verdict } = summarise(record)
  const stored = accounting?.stored ?? 0
  const services = Object.values(resources)
  const cpu = services.flatMap(({ cpuMsPerThousand }) => cpuMsPerThousand ?? [])
  return {
    ratePerSecond,
    verdict: verdict === undefined ? 'none' : `${verdict.outcome}${verdict.reasons.length > 0 ? `: ${verdict.reasons[0]}` : ''}`,
    acceptP50Ms: overall?.latencyMs?.p50,
    acceptP99Ms: overall?.latencyMs?.p99,
    persistedP50Ms: accounting?.persistedLagMs?.p50,
    persistedP99Ms: accounting?.persistedLagMs?.p99,
    visibleP50Ms: accounting?.freshnessMs?.p50,
    visibleP99Ms: accounting?.freshnessMs?.p99,
    // Milliseconds for a thousand are seconds for a million.
    ...(cpu.length > 0 && { cpuSecondsPerMillion: cpu.reduce((sum, one) => sum + one, 0) }),
    ...(dataBytes && stored > 0 && { diskBytesPerMillion: (Math.max(0, total(dataBytes) - bytesBefore) / stored) * 1e6 }),
    memoryBytes: services.reduce((sum, { maxRssBytes }) => sum + maxRssBytes, 0),
    bringUpSeconds: (readyMs - upMs) / 1_000,
  }
}

function planOf(arch: string, runtime: Runtime, options: { rate?: string; duration?: string }): Promise<RunPlan> {
  return planRun({ scenario: 'breakpoint', arch, set: [], compose: [], results: values.out, ...options }, runtime, `npm run bench:architectures -- ${arch}`)
}

function told(arch: string, events: AsyncIterable<RunEvent>): Promise<RunState> {
  return plainLog(events, { write: (line) => say(`${arch.padEnd(4)} ${line}`), everySeconds: 60 })
}

function total(bytes: Record<string, number>): number {
  return Object.values(bytes).reduce((sum, one) => sum + one, 0)
}

function positive(name: 'hold' | 'half' | 'tolerance' | 'confirmations'): number {
  const value = Number(values[name])
  if (!(value > 0)) throw new Error(`--${name} ${values[name]}: must be a number above 0`)
  return value
}

function print(done: readonly (readonly [arch: string, of: Done])[]): void {
  const reference = done.find(([arch]) => arch === 'null')?.[1]
  const minutes = done.length === 0 ? 0 : (Math.max(...done.map(([, { atMs }]) => atMs)) - Math.min(...done.map(([, { atMs }]) => atMs))) / 60_000
  process.stdout.write(`\n### Highest rate held for ${settings.holdSeconds} s (p99 ≤ 100 ms, errors ≤ 0.1 %, backlog not growing)\n\n`)
  row('architecture', 'orders/s', '÷ null', 'answer', 'gave out first')
  row('---', '---:', '---:', '---', '---')
  for (const [arch, { rate, answer, gaveOut }] of done) row(`\`${arch}\``, rate === undefined ? '–' : thousands(rate), share(rate, reference?.rate), answer, gaveOut ?? '–')
  process.stdout.write(`\n### At half of it, for ${settings.halfSeconds} s; in brackets ÷ null\n\n`)
  row('architecture', 'orders/s', ...COLUMNS.map(([title]) => title), 'verdict')
  row('---', '---:', ...COLUMNS.map(() => '---:'), '---')
  for (const [arch, { half }] of done) {
    if (half === undefined) row(`\`${arch}\``, ...Array<string>(COLUMNS.length + 2).fill('–'))
    else row(`\`${arch}\``, rateText(half.ratePerSecond).replace('/s', ''), ...COLUMNS.map(([, key, text]) => cell(half[key], arch === 'null' ? undefined : reference?.half?.[key], text)), half.verdict)
  }
  process.stdout.write(`\nMeasured within ${minutes.toFixed(0)} min. The reports of the searches: \`${values.out}/<run>/report.md\`.\n`)
}

function cell(value: number | undefined, reference: number | undefined, text: (value: number) => string): string {
  if (value === undefined) return '–'
  const ratio = share(value, reference)
  return ratio === '–' ? text(value) : `${text(value)} (${ratio})`
}

function share(value: number | undefined, reference: number | undefined): string {
  if (value === undefined || reference === undefined || reference <= 0) return '–'
  return (value / reference).toPrecision(value / reference >= 100 ? 3 : 2)
}
