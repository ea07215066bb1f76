import { randomInt } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { MAX_HISTORY } from '../load/history.ts'
import { MAX_RUN_TAG } from '../load/order-id.ts'
import type { Replaced } from '../runtime/external/stack.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { packageRoot } from '../runtime/entry.ts'
import { scenarios } from '../scenarios/index.ts'
import type { Scenario } from '../scenarios/scenario.ts'
import type { Architecture } from '../system/architecture.ts'
import { architectures, type ArchitectureId } from '../system/architectures/index.ts'
import { defaultKnobs, knobProblemLine, parseKnobs } from '../system/knobs.ts'
import { LabError, EXIT } from '../run/errors.ts'
import { withAutoscale } from './autoscale.ts'
import { cannotBeFilled, idsOfThose } from './history.ts'
import { externalsFor, faultsOnOthers } from './plan-external.ts'
import { observeOptions, observingFiles } from './observing.ts'
import { faultListOf, parseFaults, targetsIn, withFaults, withList } from './plan-faults.ts'
import { isScenarioFile, readScenarioFile } from './scenario-file.ts'
import { suggest } from '../system/suggest.ts'

/** Everything a run needs to know, checked. */
export interface RunPlan {
  runId: string
  /** Of the run's folder in `resultsDir`; absent: the run's id. */
  folderName?: string
  architecture: Architecture
  scenario: Scenario
  knobs: Record<string, string | number | boolean>
  baseRate: number
  runtime: Runtime
  composeFiles: string[]
  /** Servers of others that stand in for services. */
  external: readonly Replaced[]
  resultsDir: string
  seed: number
  runTag: number
  /** Orders of the last 30 days that are there before the load begins. */
  history: number
  /** Metrics, logs, and traces of one event in so many. */
  observe?: { oneIn: number }
  /** Faults of the architecture's list that are not played, and why. */
  leftOut?: readonly string[]
  commandLine: string
}

/** As typed on the command line. */
export interface RunOptions {
  /** Of the lab's own, or a file with one. */
  scenario: string
  arch: string
  set: string[]
  rate?: string
  duration?: string
  connections?: string
  subscribers?: string
  retries?: string
  seed?: string
  /** Orders of history: a number, or such as `500k`, `10M`. */
  history?: string
  /** `kill:worker@20s`; beside the scenario's own. */
  fault?: readonly string[]
  /** Metrics, logs and traces beside it. */
  observe?: boolean
  /** One event in so many is traced. */
  traces?: string
  results: string
  /** Further compose files, merged last. */
  compose: string[]
}

/** Checks everything at once and builds nothing. Throws {@link LabError} (exit code 2) that lists every problem. */
export async function planRun(options: RunOptions, runtime: Runtime, commandLine: string): Promise<RunPlan> {
  const problems: string[] = []
  const number = (name: string, text: string | undefined, min: number, max: number, whole: boolean): number | undefined => {
    if (text === undefined) return undefined
    const value = Number(text)
    if (text.trim() !== '' && value >= min && value <= max && (!whole || Number.isInteger(value))) return value
    problems.push(`--${name} ${text}: must be a ${whole ? 'whole ' : ''}number from ${min} to ${max}`)
    return undefined
  }
  const scenario: Scenario | undefined = isScenarioFile(options.scenario) ? await readScenarioFile(options.scenario, problems) : chosen('scenario', options.scenario, scenarios, problems)
  const load = chosen('architecture', options.arch, architectures, problems) as (() => Promise<{ architecture: Architecture }>) | undefined
  const rate = number('rate', options.rate, 0.1, 100_000, false)
  const duration = number('duration', withoutUnit(options.duration), 1, 86_400, false)
  const connections = number('connections', options.connections, 1, 10_000, true)
  const subscribers = number('subscribers', options.subscribers, 0, 20_000, true)
  const retries = number('retries', options.retries, 0, 10, true)
  const seed = number('seed', options.seed, 0, 2 ** 31 - 1, true)
  const history = number('history', asCount(options.history), 1, MAX_HISTORY, true)
  const observe = observeOptions(options, problems)
  const architecture = load === undefined ? undefined : (await load()).architecture
  const knobs = architecture === undefined ? {} : knobsOf(architecture, options.set, problems)
  if (history !== undefined && architecture !== undefined) {
    const why = await cannotBeFilled(architecture)
    if (why !== undefined) problems.push(`--history ${options.history}: ${why}`)
  }
  if (scenario !== undefined && architecture !== undefined) {
    const why = await cannotBeTrespassed(scenario, architecture)
    if (why !== undefined) problems.push(why)
  }
  const tried: Scenario['search'] = scenario?.search
  if (tried && rate !== undefined && (rate < tried.lowestRate || rate > tried.highestRate)) {
    problems.push(`--rate ${options.rate}: ${scenario?.id} tries rates from ${tried.lowestRate} to ${tried.highestRate}`)
  }
  if (scenario?.search && (options.fault ?? []).length > 0) {
    problems.push(`--fault cannot be combined with ${scenario.id}, which searches for what a whole system holds; these take faults: ${Object.values(scenarios).flatMap(({ id, search }: Scenario) => (search === undefined ? [id] : [])).join(', ')}`)
  }
  for (const file of options.compose) if (!existsSync(file)) problems.push(`--compose ${file}: no such file`)
  const faults = parseFaults(options.fault ?? [], problems)
  const files = architecture === undefined ? [] : [...composeFiles(architecture, knobs), ...observingFiles(options.observe), ...options.compose.map((file) => resolve(file))]
  const external = architecture === undefined || !options.compose.every((file) => existsSync(file)) ? [] : externalsFor(architecture, knobs, files, process.env, problems)
  const targets = () => targetsIn(files, knobs)
  const listed =
    scenario && architecture && options.compose.every((file) => existsSync(file))
      ? withList(adjusted(scenario, { duration, connections, subscribers, retries }), faults, faultListOf(architecture, knobs), targets, external.map(({ service }) => service), duration !== undefined, problems)
      : undefined
  const played = listed && withFaults(listed.scenario, faults, targets, problems)
  problems.push(...faultsOnOthers(played?.faults ?? [], external))
  if (problems.length > 0 || played === undefined || scenario === undefined || architecture === undefined) {
    throw new LabError(EXIT.usage, problems.join('\n'), `lab list shows architectures, scenarios and knobs${isScenarioFile(options.scenario) ? '; docs/scenarios.md, what a scenario of one\'s own may say' : ''}`)
  }
  const runId = newRunId(scenario.id, architecture.id)
  return {
    runId,
    architecture,
    scenario: played,
    knobs,
    baseRate: rate ?? scenario.baseRate,
    runtime,
    composeFiles: files,
    external,
    resultsDir: resolve(options.results),
    seed: seed ?? randomInt(2 ** 31),
    runTag: randomInt(1, MAX_RUN_TAG + 1),
    history: history ?? 0,
    ...(observe && { observe }),
    leftOut: listed?.leftOut ?? [],
    commandLine,
  }
}

/** Why a scenario of many tenants cannot be played on an architecture; `undefined` when it can. */
async function cannotBeTrespassed(scenario: Scenario, architecture: Architecture): Promise<string | undefined> {
  if (!scenario.trespass || architecture.trespasser !== undefined) return undefined
  const able = await idsOfThose((one) => one.trespasser !== undefined)
  return `${scenario.id} tries the borders between callers, and ${architecture.id} has none; these have: ${able.join(', ')}`
}

/** `compose/base.yaml`, the architecture's own and what its knobs add, in the order they are merged. */
export function composeFiles(architecture: Architecture, knobs: RunPlan['knobs'] = defaultKnobs(architecture)): string[] {
  return ['base', architecture.id, ...(architecture.overlays?.(knobs) ?? [])].map((name) => join(packageRoot, 'compose', `${name}.yaml`))
}

/** Loads one architecture by name. Throws {@link LabError} (exit code 2) that names the nearest. */
export async function loadArchitecture(name: string): Promise<Architecture> {
  const problems: string[] = []
  const load = chosen('architecture', name, architectures, problems)
  if (load === undefined) throw new LabError(EXIT.usage, problems.join('\n'), 'lab list architectures')
  return (await load()).architecture as unknown as Architecture
}

/** `--set name=value` pairs, checked against the architecture's schema. */
export function knobsOf(architecture: Architecture, pairs: readonly string[], problems: string[]): RunPlan['knobs'] {
  const given: Record<string, string> = {}
  for (const pair of pairs) {
    const at = pair.indexOf('=')
    if (at < 1) problems.push(`--set ${pair}: must read <knob>=<value>`)
    else given[pair.slice(0, at)] = pair.slice(at + 1)
  }
  const parsed = parseKnobs(architecture, given)
  if (parsed.ok) return withAutoscale(parsed.knobs)
  problems.push(...parsed.problems.map(knobProblemLine))
  return {}
}

function chosen<T extends Record<string, unknown>>(what: string, name: string, among: T, problems: string[]): T[keyof T] | undefined {
  if (Object.hasOwn(among, name)) return among[name] as T[keyof T]
  problems.push(`there is no ${what} ${JSON.stringify(name)}.${suggest(name, Object.keys(among))} There are: ${Object.keys(among).join(', ')}.`)
  return undefined
}

/** `500k`, `10M` and plain numbers, with or without `,` or `_` between the thousands. */
export function asCount(text: string | undefined): string | undefined {
  const match = text === undefined ? null : /^(\d[\d_,]*(?:\.\d+)?)(k|M)?$/.exec(text)
  return match === null ? text : String(Number(match[1]!.replace(/[_,]/g, '')) * { '': 1, k: 1_000, M: 1_000_000 }[(match[2] ?? '') as '' | 'k' | 'M'])
}

/** `60s`, `2m` and plain seconds. */
function withoutUnit(duration: string | undefined): string | undefined {
  const match = duration === undefined ? null : /^([\d.]+)(s|m|h)?$/.exec(duration)
  return match === null ? duration : String(Number(match[1]) * { s: 1, m: 60, h: 3_600 }[(match[2] ?? 's') as 's' | 'm' | 'h'])
}

/** A shorter or longer scenario keeps its form: every phase is stretched alike, and with them when faults begin, not how long they last. */
function adjusted(scenario: Scenario, to: { duration?: number; connections?: number; subscribers?: number; retries?: number }): Scenario {
  const total = scenario.phases.reduce((sum, phase) => sum + phase.seconds, 0)
  const stretch = to.duration === undefined ? 1 : to.duration / total
  return {
    ...scenario,
    connections: to.connections ?? scenario.connections,
    subscribers: to.subscribers ?? scenario.subscribers,
    retries: to.retries ?? scenario.retries,
    phases: scenario.phases.map((phase) => ({ ...phase, seconds: phase.seconds * stretch })),
    faults: scenario.faults.map((fault) => ({ ...fault, atSeconds: fault.atSeconds * stretch })),
  }
}

/** Sorts by time, says what it was, and is unique: `20261121-073140-spike-v2-3fa1`. */
function newRunId(scenario: string, arch: string): string {
  const time = new Date().toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15)
  return `${time}-${scenario}-${arch}-${randomInt(0x1_0000).toString(16).padStart(4, '0')}`
}

export type { ArchitectureId }
