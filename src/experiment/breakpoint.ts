import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { randomInt } from 'node:crypto'
import { MAX_RUN_TAG } from '../load/order-id.ts'
import { judgeProbe } from '../reports/probe.ts'
import { judgeSearch } from '../reports/searched.ts'
import { EXIT, LabError } from '../run/errors.ts'
import type { RunEvent } from '../run/events.ts'
import type { ProbeResult } from '../run/search.ts'
import { initialState, reduce, type RunState } from '../run/state.ts'
import type { Search } from '../scenarios/scenario.ts'
import type { RunPlan } from './plan.ts'
import { recorded, type Recording } from './recorded.ts'
import { run } from './run.ts'
import { bracketOf, nextStep, probesLeft, type SearchOptions } from './search.ts'

/** Plays one run to its end; {@link run}, and in tests something quicker. */
export type Probing = (plan: RunPlan, signal: AbortSignal) => AsyncIterable<RunEvent>

/** What a scenario asks for: one run, or a search made of runs. */
export function play(plan: RunPlan, signal: AbortSignal): AsyncIterable<RunEvent> {
  return plan.scenario.search === undefined ? run(plan, signal) : searchCapacity(plan, plan.scenario.search, signal)
}

/**
 * Searches for the highest rate at which the scenario meets its expectations: run after run, each in a fresh system and with a folder of its own under
 * `probes/`, until the bracket is narrow and both its ends are confirmed. Tells of it as a run does; aborting the signal ends the probe and the search,
 * and keeps what is known.
 */
export function searchCapacity(plan: RunPlan, search: Search, signal: AbortSignal, probing: Probing = run): AsyncIterable<RunEvent> {
  return recorded(plan, signal, (recording) => seekCapacity(plan, search, recording, probing))
}

/** The search, in order. Returns the exit code of its verdict. */
export async function seekCapacity(plan: RunPlan, search: Search, { folder, emit, signal }: Pick<Recording, 'emit' | 'signal'> & { folder: Pick<Recording['folder'], 'path'> }, probing: Probing): Promise<number> {
  const options: SearchOptions = { ...search, firstRate: plan.baseRate }
  const probesDir = join(folder.path, 'probes')
  await mkdir(probesDir)
  emit({ type: 'stage', stage: 'search' })
  const tried: ProbeResult[] = []
  const left = () => {
    const probes = probesLeft(tried, options)
    return { probes, seconds: Math.round(probes * secondsOf(plan, tried)) }
  }
  emit({ type: 'search-planned', ...left() })
  let step = nextStep(tried, options)
  while (step.do === 'probe') {
    const probe = tried.length + 1
    const { rate, purpose } = step
    const { probes, seconds } = left()
    emit({ type: 'probe-began', probe, rate, purpose, probesLeft: probes, secondsLeft: seconds })
    const beganMs = performance.now()
    let state: RunState = initialState
    for await (const event of probing(probePlan(plan, probesDir, probe, rate), signal)) {
      state = reduce(state, event)
      emit({ type: 'probe-event', probe, event })
    }
    signal.throwIfAborted()
    const judged = judgeProbe(state) ?? saysNothing(state, probe, rate)
    tried.push({ probe, rate, tookSeconds: (performance.now() - beganMs) / 1_000, ...judged })
    emit({ type: 'probe-ended', bracket: bracketOf(tried, options), ...tried.at(-1)! })
    step = nextStep(tried, options)
  }
  const { do: _, ...end } = step
  const searched = { ...end, ...firstToGiveOut(tried, end.fail?.rate) }
  emit({ type: 'searched', searched })
  emit({ type: 'stage', stage: 'report' })
  const verdict = judgeSearch(searched, tried, search)
  emit({ type: 'judged', verdict })
  return verdict.exitCode
}

/** A whole run of its own at one rate. */
function probePlan(plan: RunPlan, resultsDir: string, probe: number, rate: number): RunPlan {
  const { search: _, ...scenario } = plan.scenario
  return { ...plan, scenario, runId: `${plan.runId}-${probe}`, folderName: String(probe), resultsDir, baseRate: rate, runTag: randomInt(1, MAX_RUN_TAG + 1) }
}

/** Bring-up, settling, accounting and teardown, as long as no probe has told: s. */
const LIKELY_OVERHEAD_SECONDS = 12

function secondsOf({ scenario }: RunPlan, tried: readonly ProbeResult[]): number {
  if (tried.length > 0) return tried.reduce((sum, { tookSeconds }) => sum + tookSeconds, 0) / tried.length
  return scenario.phases.reduce((sum, { seconds }) => sum + seconds, LIKELY_OVERHEAD_SECONDS)
}

function saysNothing({ ended }: RunState, probe: number, rate: number): never {
  throw new LabError(ended?.exitCode ?? EXIT.internal, `probe ${probe} at ${rate}/s ${ended?.status ?? 'broke off'}: ${ended?.why ?? 'it said nothing'}`, `its folder: probes/${probe}.partial`)
}

/** What gave out where the lowest failing rate failed: what most of its probes show, the earliest where they are divided. */
function firstToGiveOut(tried: readonly ProbeResult[], rate: number | undefined): Pick<ProbeResult, 'bottleneck'> {
  const seen = tried.filter((one) => one.rate === rate && one.outcome === 'failed').flatMap(({ bottleneck }) => bottleneck ?? [])
  const alike = (one: (typeof seen)[number]) => seen.filter(({ what, service }) => what === one.what && service === one.service).length
  const [most] = [...seen].sort((a, b) => alike(b) - alike(a))
  return most === undefined ? {} : { bottleneck: most }
}
