import { randomInt } from 'node:crypto'
import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { buildRevision } from '../../bench/build.ts'
import { checkoutOf, resolveRevisions, type Revision } from '../../bench/git.ts'
import { oneRun, type Work } from '../../bench/one-run.ts'
import { benchmarkEntries, poolOf } from '../../bench/outputs.ts'
import { schedule } from '../../bench/schedule.ts'
import { bySide, sit, type PairOfRuns } from '../../bench/sitting.ts'
import { planRun } from '../../experiment/plan.ts'
import { compare, type Comparison } from '../../reports/compare/compare.ts'
import { loadRuns, sameWork } from '../../reports/compare/load.ts'
import { comparisonText } from '../../reports/compare/text.ts'
import { appendJobSummary } from '../../reports/job-summary.ts'
import { EXIT, LabError } from '../../run/errors.ts'
import { packageRoot } from '../../runtime/entry.ts'
import { local } from '../../runtime/local/local.ts'
import { onInterruption } from '../interruption.ts'
import type { Interruption } from '../../experiment/ending.ts'

export interface BenchOptions {
  base: string
  head: string
  arch: string
  scenario: string
  pairs: string
  samePairs: string
  duration: string
  rate?: string
  set: string[]
  seed?: string
  results: string
  json?: boolean
}

/** With fewer, chance alone could always have done it: 2 of 2^n arrangements. */
const MIN_PAIRS = 6
/** 2 of 2^9 arrangements, for nine metrics at once, is just below one in twenty. */
const PAIRS_FOR_ALL = 9
const MAX_PAIRS = 200
const MAX_SAME_PAIRS = 50
/** Of the saturation: busy, with room to see latency and not only queues. */
const SHARE_OF_SATURATION = 0.3

interface Checked {
  pairs: number
  samePairs: number
  seed: number
  checkout: string
  base: Revision
  head: Revision
}

/** Two states of the code, built apart and run in pairs in one sitting; the verdict is the exit code. */
export async function benchCommand(options: BenchOptions): Promise<void> {
  const checked = await check(options)
  const say = (line: string) => process.stderr.write(`lab: ${line}\n`)
  announce(checked, say)
  using interruptions = onInterruption(say, 'this run is stopped and torn down, the builds are removed; the runs so far are kept')
  try {
    await bench(options, checked, interruptions.signal, say)
  } catch (error) {
    if (!interruptions.signal.aborted) throw error
    process.exitCode = (interruptions.signal.reason as Interruption).exitCode
  }
}

/** All problems at once. Throws {@link LabError} (exit code 2). */
async function check(options: BenchOptions): Promise<Checked> {
  const problems: string[] = []
  const whole = (name: string, text: string, min: number, max: number) => {
    const value = Number(text)
    if (text.trim() === '' || !Number.isInteger(value) || value < min || value > max) problems.push(`--${name} ${text}: must be a whole number from ${min} to ${max}`)
    return value
  }
  const pairs = whole('pairs', options.pairs, MIN_PAIRS, MAX_PAIRS)
  const samePairs = whole('same-pairs', options.samePairs, 0, MAX_SAME_PAIRS)
  const checkout = await checkoutOf(packageRoot)
  const [base, head] = await resolveRevisions(checkout, [options.base, options.head], problems)
  await planRun({ ...options, compose: [], seed: options.seed }, local, 'lab bench').catch((error: unknown) => {
    if (!(error instanceof LabError)) throw error
    problems.push(error.message)
  })
  if (problems.length > 0 || base === undefined || head === undefined) throw new LabError(EXIT.usage, problems.join('\n'), 'lab bench --help shows what there is')
  return { pairs, samePairs, seed: options.seed === undefined ? randomInt(2 ** 30) : Number(options.seed), checkout, base, head }
}

function announce({ base, head, pairs, samePairs }: Checked, say: (line: string) => void): void {
  const named = ({ name, commit, isWorkingTree, changes }: Revision) => (isWorkingTree ? `the working tree${changes > 0 ? `, with ${changes} uncommitted changes` : ', all committed'}` : `${name} (${commit.slice(0, 12)})`)
  say(`base: ${named(base)}; head: ${named(head)}; ${pairs} pairs, and ${samePairs} of the base with itself`)
  if (pairs < PAIRS_FOR_ALL) say(`fewer than ${PAIRS_FOR_ALL} pairs cannot tell a change of one metric from chance among the nine or so of a run`)
  if (base.commit === head.commit) say('base and head are the same code: what is found is noise')
}

async function bench(options: BenchOptions, { checkout, base, head, pairs, samePairs, seed }: Checked, signal: AbortSignal, say: (line: string) => void): Promise<void> {
  const builds = await mkdtemp(join(tmpdir(), 'load-lab-builds-'))
  await using cleanup = new AsyncDisposableStack()
  cleanup.defer(() => rm(builds, { recursive: true, force: true }))
  const built = { base: cleanup.use(await buildRevision(checkout, base, join(builds, 'base'), signal)), head: cleanup.use(await buildRevision(checkout, head, join(builds, 'head'), signal)) }
  const folder = join(resolve(options.results), `bench-${new Date().toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15)}`)
  await mkdir(folder, { recursive: true }).catch((error: Error) => {
    throw new LabError(EXIT.usage, `cannot write results to ${options.results}: ${error.message}`, 'choose another folder with --results <folder>')
  })

  const asked: Work = { scenario: options.scenario, arch: options.arch, set: options.set, duration: options.duration, ...(options.rate !== undefined && { rate: options.rate }) }
  const [warm] = await loadRuns([await oneRun(built.base, asked, seed, join(folder, '00-warm'), signal)])
  const saturation = warm!.metrics.find(({ id }) => id === 'saturation')?.value
  const work = asked.rate !== undefined || saturation === undefined ? asked : { ...asked, rate: String(Number((saturation * SHARE_OF_SATURATION).toPrecision(2))) }
  say(`a first run to warm up${work.rate === undefined ? '' : `; base rate ${work.rate}/s${asked.rate === undefined ? `, ${SHARE_OF_SATURATION * 100} % of its saturation` : ''}`}`)

  const done = await sit({ builds: built, work, pairs: schedule(pairs, samePairs, seed), folder, seed, signal, tell: say })
  await conclude(options, done, folder, `${options.scenario} on ${options.arch}: ${head.isWorkingTree ? 'the working tree' : head.name} against ${base.name}`, say)
}

async function conclude(options: BenchOptions, done: readonly PairOfRuns[], folder: string, title: string, say: (line: string) => void): Promise<void> {
  const { base, head, same } = bySide(done)
  await writeFile(join(folder, 'runs.json'), `${JSON.stringify(poolOf(done))}\n`)
  const differences = sameWork([...base, ...same.flat()], head)
  const comparison = compare({ base, head, same, paired: true, differences })
  const text = comparisonText(comparison, title)
  const { smallerIsBetter, biggerIsBetter } = benchmarkEntries(comparison, `${options.scenario} on ${options.arch}`)
  const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`
  await writeFile(join(folder, 'comparison.md'), text)
  await writeFile(join(folder, 'comparison.json'), json(comparison))
  await writeFile(join(folder, 'smaller-is-better.json'), json(smallerIsBetter))
  await writeFile(join(folder, 'bigger-is-better.json'), json(biggerIsBetter))
  process.stdout.write(options.json === true ? json(comparison) : text)
  say(`runs and comparison: ${relative(process.cwd(), folder)}`)
  await appendJobSummary(text)
  await tellStep(folder, comparison)
  process.exitCode = comparison.exitCode
}

/** Outputs of a step of GitHub Actions. */
async function tellStep(folder: string, { verdict }: Comparison): Promise<void> {
  const path = process.env['GITHUB_OUTPUT']
  if (path !== undefined && path !== '') await appendFile(path, `verdict=${verdict}\nfolder=${folder}\n`)
}
