import { finished } from 'node:stream/promises'
import { playFaults } from '../faults/timeline.ts'
import { hlogWriter } from '../measure/histogram.ts'
import { machineMeter } from '../measure/machine.ts'
import type { RunEvent } from '../run/events.ts'
import type { RunFolder } from '../run/folder.ts'
import type { System } from '../runtime/runtime.ts'
import type { LoadPlan } from '../load/control.ts'
import type { Caller, Judge, Trespasser } from '../system/architecture.ts'
import { alerting } from './alerts.ts'
import { autoscaleRules } from './autoscale.ts'
import type { Injector, Subscribers } from './crew.ts'
import type { Emit } from './emit.ts'
import { healing, type Healing } from './healed.ts'
import { announcePhases, loadPlan, phaseClock, sentCurve } from './load.ts'
import type { Observer } from './observe.ts'
import type { RunPlan } from './plan.ts'
import { sampleEverySecond } from './sampling.ts'
import { scaler } from './scaler.ts'
import { trespassing } from './trespassing.ts'
import { gathering, type Gathering } from './second.ts'

export interface Driving {
  plan: RunPlan
  folder: RunFolder
  emit: Emit
  signal: AbortSignal
  system: System
  judge: Judge
  callers: Caller[]
  /** Headers of the subscribers. */
  onlooker: Record<string, string>
  /** Who is at it while the load goes on, if anybody. */
  trespasser: Trespasser | undefined
  injector: Injector
  subscribers: Subscribers
  observer: Observer | undefined
}

export interface Driven extends AsyncDisposable {
  /** What a subscriber received, without the orders of guests. */
  seen: [number, number][]
  /** What the injector was told; holds secrets of the callers. */
  load: LoadPlan
  loadFromMs: number
  loadToMs: number
  /** Ends sampling, after settling, and tells what was measured in all. */
  finish(): Promise<void>
}

/** Connects the subscribers, plays the plan, and samples all along; returns when the last request is answered or given up. */
export async function drive(driving: Driving): Promise<Driven> {
  const { plan, folder, emit, signal, system, judge, injector, subscribers } = driving
  const gathered = gathering()
  const curve = sentCurve()
  const seen: [number, number][] = []
  const guests = () => driving.trespasser?.accepted() ?? 0
  injector.client.onSnapshot((snapshot) => {
    gathered.addInjector(snapshot)
    curve.add(snapshot.atMs, snapshot.events.sent)
  })
  subscribers.client.onSnapshot((snapshot) => {
    gathered.addSubscribers(snapshot)
    for (const [atMs, count] of snapshot.seen) seen.push([atMs, count - guests()])
  })
  await subscribers.watch({ url: `${system.loadUrl.replace(/^http/, 'ws')}/ws/dashboard`, headers: driving.onlooker, count: plan.scenario.subscribers, connectRate: 500 }, signal)

  const load = loadPlan(plan, system.loadUrl, 0, driving.callers)
  emit({ type: 'load-planned', startAtMs: load.startAtMs })
  const log = folder.stream('latency.hlog')
  const sampling = new AbortController()
  const meter = machineMeter()
  const alerts = alerting(meter.cores)
  const scaling = scaler(autoscaleRules(plan.knobs, system.services.map(({ service }) => service)), system, emit)
  const health = healing()
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
      // The dashboard's counts begin with the history, and have in them what is no part of the load.
      sentAtMs: (count) => curve.atMs(count - plan.history - guests()),
    },
    sampling.signal,
    (sample) => {
      emit(sample)
      health.look(sample)
      driving.observer?.sampled(sample)
      for (const alert of alerts(sample, last)) emit({ type: 'alert', ...alert })
      scaling.look(sample)
      last = { atMs: Date.now(), ...sample }
    },
  )
  const finish = async (invalid: string[]) => {
    if (sampling.signal.aborted) return
    sampling.abort()
    scaling.stop()
    await sampled
    log.end()
    await finished(log).catch(() => undefined)
    emitMeasured(driving, gathered, invalid)
  }
  const announcing = announcePhases(load, emit, signal).catch(() => undefined)
  try {
    const { invalid } = await underFaults(driving, health, load.startAtMs, (either) => underTrespass(driving, () => injector.play(load, either)))
    await announcing
    const end = () => finish(invalid)
    return { seen, load, loadFromMs: load.startAtMs, loadToMs: Date.now(), finish: end, [Symbol.asyncDispose]: end }
  } catch (error) {
    await finish(['the load was cut short'])
    throw error
  }
}

/** Plays the scenario's faults beside the load. What is broken is healed before this ends, however it ends; a fault that fails stops the load. */
async function underFaults<T>({ plan, system, emit, signal }: Driving, health: Healing, startAtMs: number, play: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const broken = new AbortController()
  const either = AbortSignal.any([signal, broken.signal])
  const played = await (async () => {
    await using _timeline = playFaults({
      planned: plan.scenario.faults,
      services: () => system.services,
      startAtMs,
      signal,
      emit(event) {
        if (event.type === 'fault-injected') health.broke()
        emit(event)
      },
      isHealed: () => health.isHealed(),
      fail: (error) => broken.abort(error),
    })
    return await play(either)
  })()
  broken.signal.throwIfAborted()
  return played
}

/** Plays with the trespasser at work, if there is one. */
async function underTrespass<T>({ trespasser, emit }: Driving, play: () => Promise<T>): Promise<T> {
  await using _ = trespasser && trespassing(trespasser, emit)
  return await play()
}

function emitMeasured({ emit, plan, injector, subscribers }: Driving, gathered: Gathering, invalid: string[]): void {
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
    const { connected, messages, bytes, dropped, violations, lowest, highest } = watched
    emit({ type: 'watched', subscribers: connected, messages, bytes, dropped, violations, lowest, highest })
  }
}

