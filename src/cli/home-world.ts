import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { loadArchitecture, knobsOf, planRun, type RunOptions } from '../experiment/plan.ts'
import { faultsBeyond } from '../experiment/plan-faults.ts'
import { faultText } from '../faults/fault.ts'
import { compare } from '../reports/compare/compare.ts'
import { loadRuns, sameWork } from '../reports/compare/load.ts'
import { comparisonText } from '../reports/compare/text.ts'
import { EXIT, LabError } from '../run/errors.ts'
import { connectAnywhere } from '../runtime/docker/choose.ts'
import { backends } from '../runtime/doctor.ts'
import { local } from '../runtime/local/local.ts'
import { scenarios } from '../scenarios/index.ts'
import type { Scenario } from '../scenarios/scenario.ts'
import { ARCHITECTURE_IDS } from '../system/architectures/index.ts'
import { defaultKnobs, describeKnobs } from '../system/knobs.ts'
import { providersOf } from './providers.ts'
import { architectureChoice, type Catalogue, type Lacks, type ScenarioChoice } from './ui/home/catalogue.ts'
import { commandOf, type Form } from './ui/home/form.ts'
import type { PastRun } from './ui/home/runs.ts'
import type { Opened } from './ui/home/state.ts'

/** Everything that `lab run` takes. */
export async function loadCatalogue(): Promise<Catalogue> {
  const all = await Promise.all(ARCHITECTURE_IDS.map(loadArchitecture))
  return {
    architectures: all.map((one) => {
      const accepts = (knob: string, value: string) => {
        const problems: string[] = []
        knobsOf(one, [`${knob}=${value}`], problems)
        return problems.length === 0
      }
      return architectureChoice(one, one.guarantee(defaultKnobs(one)).says, describeKnobs(one), accepts)
    }),
    scenarios: Object.values(scenarios).map(scenarioChoice),
    runtimes: [
      { id: 'automatic', title: 'docker where it can be, else local', says: ['Docker where an engine answers and has the images or can pull them, else plain processes. LAB_RUNTIME decides for all runs where it is set.'] },
      { id: 'local', title: 'plain processes on this machine', says: ['No Docker, no root; what is needed is fetched on first use.'] },
      { id: 'docker', title: 'containers on a Docker engine', says: ['On the engine that the environment names. The same compose files, in a network of the run.'] },
    ],
  }
}

function scenarioChoice({ id, title, says, phases, baseRate, connections, subscribers, retries, faults, faultsFromSeconds, search }: Scenario): ScenarioChoice {
  const seconds = Math.round(phases.reduce((sum, phase) => sum + phase.seconds, 0))
  return {
    id,
    title: `${title} (${seconds} s${search === undefined ? '' : ' a probe'})`,
    says: [...says.split('\n'), `Phases: ${phases.map((phase) => `${phase.name} ${Number(phase.seconds.toFixed(1))} s`).join(', ')}.`],
    defaults: {
      rate: String(baseRate), duration: `${seconds}s`, connections: String(connections), subscribers: String(subscribers), retries: String(retries),
      history: 'none', seed: 'random', faults: faults.map(faultText).join(' ') || (faultsFromSeconds === undefined ? 'none' : 'the whole list of the architecture'),
    },
  }
}

/** Asks what `lab run` asks before it starts anything. */
export async function checkForm(form: Form, results: string): Promise<readonly string[]> {
  const options: RunOptions = {
    scenario: form.scenario, arch: form.arch, ...form.options, fault: form.faults, results, compose: [],
    set: Object.entries(form.knobs[form.arch] ?? {}).map(([name, value]) => `${name}=${value}`),
  }
  try {
    const plan = await planRun(options, local, commandOf(form))
    return form.runtime === 'local' ? faultsBeyond(plan, 'local') : []
  } catch (error) {
    if (error instanceof LabError) return error.message.split('\n')
    throw error
  }
}

/** What `lab doctor` finds missing, by architecture, and why there is no Docker. */
export async function lacksOfThisMachine(signal: AbortSignal): Promise<Lacks> {
  const [checks, docker] = await Promise.all([
    providersOf(undefined).then((providers) => backends(providers, signal)).catch(ifAborted(signal, [])),
    connectAnywhere(signal).then(() => undefined, (error: unknown) => {
      if (error instanceof LabError || signal.aborted) return (error as Error).message.split('\n')[0]
      throw error
    }),
  ])
  const missing = checks.filter(({ status }) => status === 'missing')
  const locally = ARCHITECTURE_IDS.flatMap((id) => {
    const lacks = missing.filter(({ neededBy }) => neededBy.length === 0 || neededBy.includes(id))
    return lacks.length === 0 ? [] : [[id, `lacks ${lacks.map(({ what, says, fix }) => `${what} (${says}${fix === undefined ? '' : `; ${fix}`})`).join(', ')}`] as const]
  })
  return { locally: Object.fromEntries(locally), ...(docker !== undefined && { docker }) }
}

function ifAborted<T>(signal: AbortSignal, instead: T): (error: unknown) => T {
  return (error) => {
    if (signal.aborted) return instead
    throw error
  }
}

/** Throws {@link LabError} where there is none. */
export async function openRun({ folder, name, verdict, why }: PastRun): Promise<Opened> {
  const text = await readFile(join(folder, 'report.md'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw new LabError(EXIT.usage, `${name}: its report cannot be read: ${error.message}`)
    throw new LabError(EXIT.usage, `${name} has no report (${why ?? verdict})`, verdict === 'unreadable' ? undefined : `lab report ${name} makes one where it can`)
  })
  const page = join(folder, 'report.html')
  return { title: name, text, ...(existsSync(page) && { note: relative(process.cwd(), page) }) }
}

/** As `lab compare` says it. Throws {@link LabError} where they cannot be compared. */
export async function compareRuns(run: PastRun, against: PastRun): Promise<Opened> {
  const title = `${run.name} against ${against.name}`
  try {
    const [head, base] = [await loadRuns([run.folder]), await loadRuns([against.folder])]
    const comparison = compare({ base, head, paired: false, differences: sameWork(base, head) })
    return { title: 'comparison', text: comparisonText(comparison, title) }
  } catch (error) {
    if (!(error instanceof LabError)) throw error
    return { title: 'comparison', text: `# ${title}\n\nThese cannot be compared.\n\n${error.message.split('\n').map((line) => `- ${line}`).join('\n')}\n${error.hint === undefined ? '' : `\n${error.hint}\n`}` }
  }
}
