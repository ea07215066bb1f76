import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLedgerFile, readLedger, sequencesIn, timesOf } from '../measure/ledger-file.ts'
import { linkedServices } from '../faults/check.ts'
import { allowedLoss } from '../reports/allowed-loss.ts'
import { dueStretches } from '../reports/by-fault.ts'
import { howItDied, lastWords } from '../reports/deaths.ts'
import { belonging } from '../reports/belonging.ts'
import { reconcile } from '../reports/reconcile.ts'
import { judge as judgeRun } from '../reports/verdict.ts'
import { EXIT, LabError } from '../run/errors.ts'
import type { RunEvent, Stage } from '../run/events.ts'
import type { RunFolder } from '../run/folder.ts'
import { readRecord, slowestMs } from '../run/record.ts'
import { upWith } from '../runtime/external/up.ts'
import type { System } from '../runtime/runtime.ts'
import { createContext } from '../system/context.ts'
import { envFromKnobs } from '../system/knobs.ts'
import { startInjector, startSubscribers, type Subscribers } from './crew.ts'
import { drive } from './drive.ts'
import type { Emit } from './emit.ts'
import { writeHistory } from './history.ts'
import { MAX_LINES, type LogLine } from './loki.ts'
import { startObserver } from './observe.ts'
import { goWithout, lookAt, observingEnv } from './observing.ts'
import type { RunPlan } from './plan.ts'
import { serversOf } from './plan-external.ts'
import { recorded, type Recording } from './recorded.ts'
import { settle } from './settle.ts'

/**
 * Runs one experiment and tells about it. Ends after `run-ended`; everything it started is gone by then.
 * Aborting the signal (reason: an {@link Interruption}) stops the load, keeps what was measured, and tears down.
 */
export function run(plan: RunPlan, signal: AbortSignal): AsyncIterable<RunEvent> {
  return recorded(plan, signal, (recording) => experiment(plan, recording))
}

/** The experiment, in order. Returns the exit code of its verdict. */
async function experiment(plan: RunPlan, { folder, emit, signal, broken }: Recording): Promise<number> {
  const stage = (name: Stage) => emit({ type: 'stage', stage: name })

  stage('up')
  for (const says of plan.leftOut ?? []) emit({ type: 'note', level: 'info', says })
  const lines: LogLine[] = []
  await using system = await bringUp(plan, folder, emit, broken, signal, lines)
  await using observer = plan.observe && startObserver({ system, folder, emit, runId: plan.runId, ...plan.observe, cores: availableParallelism(), lines })
  if (observer) emit({ type: 'observing', at: lookAt(system.env) })
  const context = createContext({ env: system.env, knobs: plan.knobs, signal })
  await using judge = await plan.architecture.judge(context)
  if (plan.history > 0) stage('seed')
  const callers = (await plan.architecture.callers?.(context)) ?? []
  // Before injector and subscribers, which take a lab that is busy generating for one that is dead.
  const history = await writeHistory(plan, context, callers, judge, emit)
  const onlooker = (await plan.architecture.onlooker?.(context)) ?? {}
  await using trespasser = plan.scenario.trespass ? await plan.architecture.trespasser?.(context, system.apiUrl) : undefined
  await using subscribers = await startSubscribers(system)
  await using injector = await startInjector(system)
  using ledgerFile = createLedgerFile(join(folder.path, 'ledger.bin'))
  injector.client.onLedger((patch) => folder.guard(() => ledgerFile.append(patch)))

  stage('load')
  await using driven = await drive({ plan, folder, emit, signal, system, judge, callers, onlooker, trespasser, injector, subscribers, observer })
  folder.guard(() => ledgerFile.sync())

  stage('settle')
  const settled = await settle(judge, plan.scenario.settleSeconds * 1_000, signal)
  emit({ type: 'settled', ...settled })
  await watchersCatchUp(subscribers, await judge.stored(), signal)
  await driven.finish()
  emit({ type: 'data-measured', bytes: await system.dataBytes() })

  stage('reconcile')
  await folder.flush()
  const soFar = await readRecord(folder.path)
  const ledger = await readLedger(join(folder.path, 'ledger.bin'))
  const accounting = await reconcile({
    seed: plan.seed,
    runTag: plan.runTag,
    history,
    ledger,
    belonging: belonging({ plan: driven.load, events: ledger.events, history, guests: trespasser?.owners }),
    timesOf: (wanted) => timesOf(join(folder.path, 'ledger.bin'), wanted),
    allowed: allowedLoss(soFar.run.guarantee.mayLose, soFar.state.outages, (fromMs, toMs) => slowestMs(soFar.samples, fromMs, toMs)),
    sequencesIn: (windows) => sequencesIn(join(folder.path, 'ledger.bin'), windows),
    aroundFaults: dueStretches(soFar.state.faults),
    persisted: observer ? observer.stored(judge.persisted()) : judge.persisted(),
    dashboard: await judge.dashboard(),
    seen: driven.seen,
    loadFromMs: driven.loadFromMs,
    loadToMs: driven.loadToMs,
    signal,
    onProgress: everySecond((rows) => emit({ type: 'reconciling', rows })),
  })
  emit({ type: 'accounted', accounting })
  await observer?.finish()

  stage('report')
  await folder.flush()
  const verdict = judgeRun(await readRecord(folder.path))
  emit({ type: 'judged', verdict })

  stage('down')
  return verdict.exitCode
}

/** Starts the stack; a service that dies by itself and stays dead ends the run, with its last words. */
async function bringUp(plan: RunPlan, folder: RunFolder, emit: Emit, broken: AbortController, signal: AbortSignal, lines: LogLine[]): Promise<System> {
  const restarts = new Map<string, number>()
  const lacking = plan.observe && (await goWithout(plan.runtime.name, plan.runId, signal, emit))
  for (const says of lacking?.says ?? []) emit({ type: 'note', level: 'info', says: `--observe: ${says}` })
  return upWith(plan.runtime, serversOf(plan.external), {
    runId: plan.runId,
    files: plan.composeFiles,
    env: { ...envFromKnobs(plan.knobs), LAB_SEED: String(plan.seed), ...(plan.observe && observingEnv(plan.runtime.name, plan.observe.oneIn)) },
    without: lacking?.services,
    logDir: folder.logDir,
    links: linkedServices(plan.scenario.faults, plan.runtime.name),
    signal,
    on(event) {
      emit(event)
      if (plan.observe && event.type === 'log' && lines.length < MAX_LINES) lines.push({ atMs: Date.now(), ...event })
      if (event.type === 'service-restarted') restarts.set(event.service, event.attempt)
      if (event.type !== 'service-exited' || event.expected || event.willRestart) return
      const inARow = restarts.get(event.service) ?? 0
      const again = inARow === 0 ? '' : `, and again after each of ${inARow} restarts in a row`
      const words = lastWords(event.lastLines).map((line) => `  ${line}`).join('\n')
      broken.abort(new LabError(EXIT.expectation, `${event.service} died by itself (${howItDied(event)})${again}${words === '' ? '' : `; the end of its log:\n${words}`}`, `its whole log: logs/${event.service}.log in the run's folder`))
    },
  })
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

function everySecond(tell: (rows: number) => void): (rows: number) => void {
  let nextMs = Date.now() + 1_000
  return (rows) => {
    if (Date.now() < nextMs) return
    nextMs = Date.now() + 1_000
    tell(rows)
  }
}
