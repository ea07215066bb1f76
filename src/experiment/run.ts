import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { hlogWriter } from '../measure/histogram.ts'
import { createLedgerFile, readLedger, timesOf } from '../measure/ledger-file.ts'
import { machineMeter } from '../measure/machine.ts'
import { reconcile } from '../reports/reconcile.ts'
import { judge as judgeRun } from '../reports/verdict.ts'
import { writeReports } from '../reports/write.ts'
import { EXIT, LabError } from '../run/errors.ts'
import type { RunEvent, RunStatus, Stage } from '../run/events.ts'
import { createRunFolder, type RunFolder } from '../run/folder.ts'
import { readRecord } from '../run/record.ts'
import { self } from '../runtime/run-mark.ts'
import type { System } from '../runtime/runtime.ts'
import type { Judge } from '../system/architecture.ts'
import { createContext } from '../system/context.ts'
import { envFromKnobs } from '../system/knobs.ts'
import { alerting } from './alerts.ts'
import { channel } from './channel.ts'
import { startInjector, startSubscribers, type Injector, type Subscribers } from './crew.ts'
import { describeRun } from './describe.ts'
import { announcePhases, loadPlan, phaseClock, sentCurve } from './load.ts'
import type { RunPlan } from './plan.ts'
import { sampleEverySecond } from './sampling.ts'
import { gathering } from './second.ts'
import { settle } from './settle.ts'

type Untimed<E> = E extends unknown ? Omit<E, 'atMs'> : never
type Emit = (event: Untimed<RunEvent>) => void

/** How a run was told to end before its time. */
export interface Interruption {
  exitCode: typeof EXIT.interrupted | typeof EXIT.terminated
}

/**
 * Runs one experiment and tells about it. Ends after `run-ended`; everything it started is gone by then.
 * Aborting the signal (reason: an {@link Interruption}) stops the load, keeps what was measured, and tears down.
 */
export function run(plan: RunPlan, signal: AbortSignal): AsyncIterable<RunEvent> {
  const events = channel<RunEvent>()
  conduct(plan, signal, (event) => events.push(event)).then(
    () => events.close(),
    (error: unknown) => events.close(error),
  )
  return events
}

async function conduct(plan: RunPlan, signal: AbortSignal, tell: (event: RunEvent) => void): Promise<void> {
  const started = await describeRun(plan)
  const broken = new AbortController()
  const folder = await createRunFolder(plan.resultsDir, started, self(), (error) => broken.abort(error))
  const emit: Emit = (event) => {
    const timed = { atMs: Date.now(), ...event } as RunEvent
    folder.append(timed)
    tell(timed)
  }
  emit(started)
  const end = await outcomeOf(() => experiment(plan, folder, emit, signal, broken), signal, broken.signal)
  const ended = await writtenUp(folder, end)
  tell(ended)
  await folder.finish(ended.status, ended.exitCode, ended.why)
}

type RunEnded = Extract<RunEvent, { type: 'run-ended' }>

/** Writes the end and the reports; where that cannot be done, the run has failed, whatever it was before. */
async function writtenUp(folder: RunFolder, end: Ending): Promise<RunEnded> {
  const ended: RunEnded = { atMs: Date.now(), type: 'run-ended', ...end }
  folder.append(ended)
  await folder.flush()
  try {
    await writeReports(folder.path)
    return ended
  } catch (error) {
    if (end.status !== 'complete') return ended
    const known = error instanceof LabError || 'code' in (error as object)
    const failed: RunEnded = { ...ended, status: 'failed', exitCode: known ? EXIT.prerequisite : EXIT.internal, why: `the report cannot be written: ${known ? (error as Error).message : (error as Error).stack}` }
    folder.append(failed)
    return failed
  }
}

/** The experiment, in order. Returns the exit code of its verdict. */
async function experiment(plan: RunPlan, folder: RunFolder, emit: Emit, interrupted: AbortSignal, broken: AbortController): Promise<number> {
  const stage = (name: Stage) => emit({ type: 'stage', stage: name })
  const signal = AbortSignal.any([interrupted, broken.signal])

  stage('up')
  await using system = await bringUp(plan, folder, emit, broken, signal)
  await using judge = await plan.architecture.judge(createContext({ env: system.env, knobs: plan.knobs, signal }))
  await using subscribers = await startSubscribers(system)
  await using injector = await startInjector(system)
  using ledger = createLedgerFile(join(folder.path, 'ledger.bin'))
  injector.client.onLedger((patch) => folder.guard(() => ledger.append(patch)))

  stage('load')
  await using driven = await drive({ plan, folder, emit, signal, system, judge, injector, subscribers })
  folder.guard(() => ledger.sync())

  stage('settle')
  const settled = await settle(judge, plan.scenario.settleSeconds * 1_000, signal)
  emit({ type: 'settled', ...settled })
  await watchersCatchUp(subscribers, await judge.stored(), signal)
  await driven.finish()
  emit({ type: 'data-measured', bytes: await system.dataBytes() })

  stage('reconcile')
  const accounting = await reconcile({
    seed: plan.seed,
    runTag: plan.runTag,
    ledger: await readLedger(join(folder.path, 'ledger.bin')),
    timesOf: (wanted) => timesOf(join(folder.path, 'ledger.bin'), wanted),
    persisted: judge.persisted(),
    dashboard: await judge.dashboard(),
    seen: driven.seen,
    loadFromMs: driven.loadFromMs,
    loadToMs: driven.loadToMs,
    onProgress: everySecond((rows) => emit({ type: 'reconciling', rows })),
  })
  emit({ type: 'accounted', accounting })

  stage('report')
  await folder.flush()
  const verdict = judgeRun(await readRecord(folder.path))
  emit({ type: 'judged', verdict })

  stage('down')
  return verdict.exitCode
}

/** Starts the stack; a service that dies by itself and stays dead ends the run, with its last words. */
async function bringUp(plan: RunPlan, folder: RunFolder, emit: Emit, broken: AbortController, signal: AbortSignal): Promise<System> {
  return plan.runtime.up({
    runId: plan.runId,
    files: plan.composeFiles,
    env: { ...envFromKnobs(plan.knobs), LAB_SEED: String(plan.seed) },
    logDir: folder.logDir,
    signal,
    on(event) {
      emit(event)
      if (event.type !== 'service-exited' || event.expected || event.willRestart) return
      const how = event.signal ?? `exit code ${event.code}`
      const words = event.lastLines.map((line) => `  ${line}`).join('\n')
      broken.abort(new LabError(EXIT.expectation, `${event.service} died by itself (${how})${words === '' ? '' : `; the end of its log:\n${words}`}`, `its whole log: logs/${event.service}.log in the run's folder`))
    },
  })
}

interface Driving {
  plan: RunPlan
  folder: RunFolder
  emit: Emit
  signal: AbortSignal
  system: System
  judge: Judge
  injector: Injector
  subscribers: Subscribers
}

interface Driven extends AsyncDisposable {
  seen: [number, number][]
  loadFromMs: number
  loadToMs: number
  /** Ends sampling, after settling, and tells what was measured in all. */
  finish(): Promise<void>
}

/** Connects the subscribers, plays the plan, and samples all along; returns when the last request is answered or given up. */
async function drive(driving: Driving): Promise<Driven> {
  const { plan, folder, emit, signal, system, judge, injector, subscribers } = driving
  const gathered = gathering()
  const curve = sentCurve()
  const seen: [number, number][] = []
  injector.client.onSnapshot((snapshot) => {
    gathered.addInjector(snapshot)
    curve.add(snapshot.atMs, snapshot.events.sent)
  })
  subscribers.client.onSnapshot((snapshot) => {
    gathered.addSubscribers(snapshot)
    for (const point of snapshot.seen) seen.push(point)
  })
  await subscribers.watch({ url: `${system.apiUrl.replace(/^http/, 'ws')}/ws/dashboard`, headers: {}, count: plan.scenario.subscribers, connectRate: 500 }, signal)

  const load = loadPlan(plan, system.apiUrl, 0)
  emit({ type: 'load-planned', startAtMs: load.startAtMs })
  const log = folder.stream('latency.hlog')
  const sampling = new AbortController()
  const meter = machineMeter()
  const alerts = alerting(meter.cores)
  let last: Extract<RunEvent, { type: 'sample' }> | undefined
  const sampled = sampleEverySecond(
    {
      system,
      judge,
      gathering: gathered,
      meter,
      phaseAt: phaseClock(load),
      phaseNames: load.phases.map((phase) => phase.name),
      loadStartAtMs: load.startAtMs,
      logInterval: hlogWriter((text) => log.write(text), load.startAtMs),
      sentAtMs: (count) => curve.atMs(count),
    },
    sampling.signal,
    (sample) => {
      emit(sample)
      for (const alert of alerts(sample, last)) emit({ type: 'alert', ...alert })
      last = { atMs: Date.now(), ...sample }
    },
  )
  const finish = async (invalid: string[]) => {
    if (sampling.signal.aborted) return
    sampling.abort()
    await sampled
    log.end()
    await finished(log).catch(() => undefined)
    emitMeasured(driving, gathered, invalid)
  }
  const announcing = announcePhases(load, emit, signal).catch(() => undefined)
  try {
    const { invalid } = await injector.play(load, signal)
    await announcing
    const end = () => finish(invalid)
    return { seen, loadFromMs: load.startAtMs, loadToMs: Date.now(), finish: end, [Symbol.asyncDispose]: end }
  } catch (error) {
    await finish(['the load was cut short'])
    throw error
  }
}

function emitMeasured({ emit, plan, injector, subscribers }: Driving, gathered: ReturnType<typeof gathering>, invalid: string[]): void {
  for (const sums of gathered.phases()) {
    const phase = plan.scenario.phases[sums.index]
    if (phase !== undefined) emit({ type: 'phase-measured', phase: phase.name, ...sums })
  }
  const final = injector.last()
  if (final !== undefined) {
    emit({ type: 'injected', counts: { events: final.events, reads: final.reads }, errors: final.errors, retries: final.retries, invalid })
  }
  const watched = subscribers.last()
  if (watched !== undefined && plan.scenario.subscribers > 0) {
    const { connected, messages, bytes, dropped, lowest, highest } = watched
    emit({ type: 'watched', subscribers: connected, messages, bytes, dropped, violations: subscribers.violations(), lowest, highest })
  }
}

const CATCH_UP_MS = 5_000

/** Gives the sockets a moment to show what is stored; what they then lack is judged as reach. */
async function watchersCatchUp(subscribers: Subscribers, stored: number, signal: AbortSignal): Promise<void> {
  const untilMs = Date.now() + CATCH_UP_MS
  while (Date.now() < untilMs) {
    const last = subscribers.last()
    if (last === undefined || last.connected === 0 || last.lowest >= stored) return
    await sleep(50, undefined, { signal })
  }
}

interface Ending {
  status: RunStatus
  exitCode: number
  why?: string
}

/** The end of a run as data: its verdict's exit code, an interruption, or what went wrong. */
async function outcomeOf(
  work: () => Promise<number>,
  interrupted: AbortSignal,
  broken: AbortSignal,
): Promise<Ending> {
  try {
    return { status: 'complete', exitCode: await work() }
  } catch (thrown) {
    if (interrupted.aborted) return { status: 'aborted', exitCode: (interrupted.reason as Interruption).exitCode, why: 'interrupted' }
    // What fails after a service died or the disk was full fails because of it.
    const error: unknown = broken.aborted ? broken.reason : thrown
    const exitCode = error instanceof LabError ? error.exitCode : EXIT.internal
    const hint = error instanceof LabError && error.hint !== undefined ? `\n${error.hint}` : ''
    return { status: 'failed', exitCode, why: `${error instanceof LabError ? error.message : ((error as Error).stack ?? String(error))}${hint}` }
  }
}

function everySecond(tell: (rows: number) => void): (rows: number) => void {
  let nextMs = Date.now() + 1_000
  return (rows) => {
    if (Date.now() < nextMs) return
    nextMs = Date.now() + 1_000
    tell(rows)
  }
}
