/**
 * The two error rates of the gate: how often `lab bench` calls an unchanged tree regressed, and how often it finds a change that is there.
 *
 * Method: the pool is sittings of one build with itself (`lab bench --base X --head X`), every pair of runs of which differs by noise alone.
 * A trial draws so many pairs from it with putting back, turns each round or not by chance, draws the pairs of the base with itself
 * likewise, and judges them as the command does. For power, one side's figures are first made worse by a known effect: a service's CPU (and
 * with it the system's, by its share), drain or saturation. Rates come with their 95 % intervals by Clopper and Pearson, which know nothing of
 * how few the pairs of the pool are: trials share them, so a rate is that of the pool's noise, on the machine and day that it was recorded.
 *
 * `npm run bench:gate -- [trials] [pairs] [file of a pool …]`; pools: `runs.json` of a sitting, by default all of bench/pool/.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { compare, type ComparedRun } from '../src/reports/compare/compare.ts'
import { seededRandom } from '../src/reports/statistics/random.ts'
import { packageRoot } from '../src/runtime/entry.ts'
import { row } from './stack.ts'

type PoolPair = readonly [ComparedRun, ComparedRun]

const [trials = '400', pairs = '10', ...given] = process.argv.slice(2)
const SAME_PAIRS = 3
/** Each of ten thousand verdicts needs no ten thousand resamples. */
const RESAMPLES = 1_000
const POOL = join(packageRoot, 'bench/pool')
const MIN_POOL = 10

const files = given.length > 0 ? given : existsSync(POOL) ? readdirSync(POOL).map((name) => join(POOL, name)) : []
const pool = files.flatMap((file) => (JSON.parse(readFileSync(file, 'utf8')) as { runs: PoolPair }[]).map(({ runs }) => runs)).filter((runs) => runs.every(({ doubt, wrong }) => doubt === undefined && wrong === undefined))
if (pool.length < MIN_POOL) {
  process.stderr.write(`the pool has ${pool.length} pairs that can be used, and ${MIN_POOL} are too few already: record one with lab bench --base HEAD --head HEAD --pairs 40, copy its runs.json to bench/pool/\n`)
  process.exit(2)
}

/** Makes a run worse by a factor above 1. */
type Effect = (run: ComparedRun) => ComparedRun

const cpuOf = (service: string, factor: number): Effect => (run) => {
  const own = run.metrics.find(({ id }) => id === `cpu.${service}`)?.value ?? 0
  return { ...run, metrics: run.metrics.map((metric) => (metric.id === `cpu.${service}` ? { ...metric, value: own * factor } : metric.id === 'cpu' ? { ...metric, value: metric.value + own * (factor - 1) } : metric)) }
}
const one = (id: string, factor: number): Effect => (run) => ({ ...run, metrics: run.metrics.map((metric) => (metric.id === id ? { ...metric, value: metric.better === 'lower' ? metric.value * factor : metric.value / factor } : metric)) })
const both = (a: Effect, b: Effect): Effect => (run) => b(a(run))

const metrics = pool[0]![0].metrics.map(({ id }) => id)
const EFFECTS: [string, Effect][] = [
  ['nothing (false alarms)', (run) => run],
  ...metrics.filter((id) => id.startsWith('cpu.')).map((id): [string, Effect] => [`CPU of ${id.slice(4)} + 10 %`, both(cpuOf(id.slice(4), 1.1), one('drain', id === 'cpu.worker' ? 1.1 : 1))]),
  ...(metrics.includes('saturation') ? [['saturation – 10 %', one('saturation', 1 / 0.9)] as [string, Effect]] : []),
  ...(metrics.includes('p99') ? [['p99 + 25 %', one('p99', 1.25)] as [string, Effect]] : []),
]

const random = seededRandom(20261121)
const draw = (): PoolPair => {
  const [a, b] = pool[Math.floor(random() * pool.length)]!
  return random() < 0.5 ? [a, b] : [b, a]
}

row(`what the head is made worse by (${pairs} pairs, ${trials} trials, pool of ${pool.length} pairs)`, 'regressed', '95 %', 'improved', 'inconclusive', 'equivalent')
row('---', '---:', '---:', '---:', '---:', '---:')
for (const [name, effect] of EFFECTS) {
  const counts = { regressed: 0, improved: 0, inconclusive: 0, equivalent: 0 }
  for (let trial = 0; trial < Number(trials); trial++) {
    const drawn = Array.from({ length: Number(pairs) }, draw)
    const same = Array.from({ length: SAME_PAIRS }, draw)
    const { verdict } = compare({ base: drawn.map(([base]) => base), head: drawn.map(([, head]) => effect(head)), paired: true, differences: [], same, bootstrap: { resamples: RESAMPLES, seed: trial } })
    counts[verdict] += 1
  }
  const [low, high] = clopperPearson(counts.regressed, Number(trials))
  const share = (count: number) => `${((100 * count) / Number(trials)).toFixed(1)} %`
  row(name, share(counts.regressed), `${(100 * low).toFixed(1)} – ${(100 * high).toFixed(1)} %`, share(counts.improved), share(counts.inconclusive), share(counts.equivalent))
}

/** Exact interval of a share, by bisecting the binomial's tails. */
function clopperPearson(hits: number, of: number): [number, number] {
  const bisect = (isAbove: (p: number) => boolean) => {
    let [low, high] = [0, 1]
    for (let i = 0; i < 60; i++) {
      const middle = (low + high) / 2
      if (isAbove(middle)) high = middle
      else low = middle
    }
    return (low + high) / 2
  }
  return [hits === 0 ? 0 : bisect((p) => 1 - tail(hits - 1, of, p) > 0.025), hits === of ? 1 : bisect((p) => tail(hits, of, p) < 0.025)]
}

/** P(X ≤ hits). */
function tail(hits: number, of: number, p: number): number {
  let term = of * Math.log1p(-p)
  let sum = Math.exp(term)
  for (let k = 1; k <= hits; k++) {
    term += Math.log(of - k + 1) - Math.log(k) + Math.log(p) - Math.log1p(-p)
    sum += Math.exp(term)
  }
  return sum
}
