import type { RunState, SearchState } from '../../run/state.ts'
import type { Sample } from '../../run/events.ts'
import { bytes, clock, count, timeOfDay } from './format.ts'
import { clean } from './cells.ts'

/** What several panels need to know of a run: pure functions of its state. */

/** Bounds of the scenario's phases in seconds since the load began; those that ran have their true ones. */
export function phaseBounds(state: RunState): { name: string; from: number; to: number }[] {
  let planned = 0
  return (state.run?.scenario.phases ?? []).map((phase, index) => {
    const from = planned
    planned += phase.seconds
    const real = state.phases[index]
    if (!real || real.name !== phase.name || state.loadStartAtMs === undefined) return { name: phase.name, from, to: planned }
    return {
      name: phase.name,
      from: (real.beganAtMs - state.loadStartAtMs) / 1_000,
      to: real.endedAtMs === undefined ? planned : (real.endedAtMs - state.loadStartAtMs) / 1_000,
    }
  })
}

export function plannedSeconds(state: RunState): number {
  return (state.run?.scenario.phases ?? []).reduce((sum, phase) => sum + phase.seconds, 0)
}

/** Seconds since the load began, by the last event; undefined before it is planned. */
export function elapsedSeconds(state: RunState): number | undefined {
  return state.loadStartAtMs === undefined ? undefined : (state.lastEventAtMs - state.loadStartAtMs) / 1_000
}

/** When something was: since the load began, or the time of day while no load is planned. */
export function stamp(state: RunState, atMs: number): string {
  return state.loadStartAtMs === undefined ? timeOfDay(atMs) : clock((atMs - state.loadStartAtMs) / 1_000)
}

/** The sample before the last one. */
export function sampleBefore(state: RunState): Sample | undefined {
  return state.samples.at(-2)
}

export function failures(counts: Sample['counts']['events']): number {
  return counts.rejected + counts.unknown + counts.neverSent
}

/** Share of events that came to no good: over the whole run, and over the last second. */
export function errorRates(state: RunState): { overall?: number; now?: number } {
  const last = state.last?.counts.events
  if (!last) return {}
  const before = sampleBefore(state)?.counts.events
  const share = (bad: number, all: number) => (all > 0 ? bad / all : undefined)
  const ended = (counts: typeof last) => counts.scheduled - counts.inFlight
  return {
    overall: share(failures(last), ended(last)),
    now: share(failures(last) - (before ? failures(before) : 0), ended(last) - (before ? ended(before) : 0)),
  }
}

/** What the run is at, in a few words, and how far: shown beside the stages. */
export function progress(state: RunState): { says: string; share?: number; of?: string } {
  switch (state.stage) {
    case 'waiting':
      return { says: 'waiting for the run to begin' }
    case 'search':
      return search(state)
    case 'up':
      return bringUp(state)
    case 'seed':
      return seed(state)
    case 'load':
      return load(state)
    case 'settle':
      return settle(state)
    case 'reconcile': {
      const stored = state.last?.stored ?? state.last?.counts.events.ok ?? 0
      const rows = state.reconciledRows ?? 0
      return { says: `${count(rows)} rows read`, share: stored > 0 ? Math.min(1, rows / stored) : undefined }
    }
    case 'report':
      return { says: 'writing the report' }
    case 'down':
      return { says: 'taking everything down' }
    case 'ended':
      return { says: `run ${state.ended?.status ?? 'ended'}`, share: state.ended?.status === 'complete' ? 1 : undefined }
  }
}

/** `probe 5: hold 12 s left`, and how far the whole search is. */
function search({ search: found }: RunState): ReturnType<typeof progress> {
  const { probes = [], current } = found ?? {}
  if (current === undefined) return { says: 'the search begins' }
  return { says: `probe ${current.probe}: ${progress(current.run).says}`, share: probes.length / (probes.length + probesToCome(found!)) }
}

/** The one that goes on included. */
export function probesToCome({ probes, current, planned }: SearchState): number {
  return current === undefined ? (planned?.probes ?? 0) : Math.max(0, current.probesLeft - (probes.length < current.probe ? 0 : 1))
}

/** Estimated, s; the probe that goes on counts down. */
export function secondsToCome(state: RunState): number | undefined {
  const { current, planned, searched } = state.search ?? {}
  if (searched !== undefined || state.ended !== undefined) return undefined
  if (current === undefined) return planned?.seconds
  return Math.max(0, current.secondsLeft - (state.lastEventAtMs - current.beganAtMs) / 1_000)
}

function bringUp(state: RunState): ReturnType<typeof progress> {
  if (state.fetch) {
    const { what, done, total } = state.fetch
    return {
      says: `fetching ${clean(what)}`,
      share: total ? done / total : undefined,
      of: total === undefined ? bytes(done) : `${bytes(done)} of ${bytes(total)}`,
    }
  }
  const up = state.services.filter((service) => service.status === 'ready' || service.status === 'done').length
  const starting = state.services.filter((service) => service.status === 'starting').map((service) => service.service)
  return {
    says:
      state.services.length === 0
        ? 'preparing'
        : starting.length === 0
          ? `${up} services up`
          : `${up} up, starting ${[...new Set(starting)].join(', ')}`,
  }
}

function seed({ run, seeding, seeded }: RunState): ReturnType<typeof progress> {
  if (seeded) return { says: 'waiting for the dashboard to show the history' }
  const { written, orders } = seeding ?? { written: 0, orders: run?.history ?? 0 }
  return { says: `history: ${count(written)} of ${count(orders)} orders written`, share: orders > 0 ? written / orders : undefined }
}

function load(state: RunState): ReturnType<typeof progress> {
  const elapsed = elapsedSeconds(state)
  const planned = plannedSeconds(state)
  if (elapsed === undefined) return { says: 'preparing the load' }
  if (elapsed < 0 && !state.phase) return { says: `load begins in ${Math.ceil(-elapsed)} s`, share: 0 }
  const share = planned > 0 ? Math.max(0, Math.min(1, elapsed / planned)) : undefined
  const of = `${clock(Math.min(elapsed, planned))} of ${clock(planned)}`
  if (!state.phase) return { says: 'last answers', share, of }
  const seconds = state.run?.scenario.phases[state.phase.index]?.seconds ?? 0
  const left = Math.max(0, Math.ceil(seconds - (state.lastEventAtMs - state.phase.beganAtMs) / 1_000))
  return { says: `${state.phase.name} ${left < 100 ? `${left} s` : clock(left)} left`, share, of }
}

function settle(state: RunState): ReturnType<typeof progress> {
  const endedAt = Math.max(...state.phases.map((phase) => phase.endedAtMs ?? phase.beganAtMs))
  const since = Number.isFinite(endedAt) ? (state.lastEventAtMs - endedAt) / 1_000 : undefined
  const allowed = state.run?.scenario.settleSeconds
  const backlog = state.settle?.backlog ?? state.last?.backlog
  const endSecond = state.loadStartAtMs === undefined || !Number.isFinite(endedAt) ? Infinity : (endedAt - state.loadStartAtMs) / 1_000 - 1
  const most = state.samples.reduce((peak, sample) => (sample.second >= endSecond ? Math.max(peak, sample.backlog ?? 0) : peak), 0)
  return {
    says: backlog === undefined ? 'waiting for the backlog to drain' : backlog === 0 ? 'drained' : `draining, ${count(backlog)} left`,
    share: backlog === undefined || most === 0 ? undefined : 1 - backlog / most,
    of: since === undefined || allowed === undefined ? undefined : `${clock(since)} of at most ${clock(allowed)}`,
  }
}

/** Services that end now are meant to. */
export function beingTakenDown(state: RunState): boolean {
  return state.stage === 'down' || state.stage === 'ended'
}

export interface ServiceRow {
  name: string
  /** `killed` and `paused`: by a fault, on purpose; `down`: by itself. */
  status: 'ready' | 'starting' | 'done' | 'down' | 'stopped' | 'killed' | 'paused' | 'restarting' | ''
  replicas: number
  restarts: number
  cpu?: number
  rssBytes?: number
  /** CPU in cores of the last minute's samples. */
  history: (number | undefined)[]
}

/** Services in the order they came up, then the lab's own processes. */
export function serviceRows(state: RunState): ServiceRow[] {
  const recent = state.samples.slice(-60)
  const endingNow = beingTakenDown(state)
  const names = [...new Set([...state.services.map(({ service }) => service), ...Object.keys(state.last?.services ?? {})])]
  const rows: ServiceRow[] = names.map((name) => {
    const replicas = state.services.filter(({ service }) => service === name)
    const usage = state.last?.services[name]
    const worst = (['exited', 'killed', 'paused', 'restarting', 'starting', 'ready', 'done'] as const).find((status) =>
      replicas.some((replica) => replica.status === status),
    )
    return {
      name: clean(name),
      status: worst === 'exited' || worst === 'killed' ? (endingNow ? 'stopped' : worst === 'killed' ? 'killed' : 'down') : (worst ?? ''),
      replicas: usage?.replicas ?? replicas.filter(({ status }) => status !== 'exited' && status !== 'killed').length,
      restarts: replicas.reduce((sum, replica) => sum + replica.restarts, 0),
      cpu: usage?.cpu,
      rssBytes: usage?.rssBytes,
      history: recent.map((sample) => sample.services[name]?.cpu),
    }
  })
  if (state.last?.injector) {
    const { cpuShare, rssBytes } = state.last.injector
    rows.push({
      name: 'injector',
      status: '',
      replicas: 1,
      restarts: 0,
      cpu: cpuShare,
      rssBytes,
      history: recent.map((sample) => sample.injector?.cpuShare),
    })
  }
  if (state.last)
    rows.push({ name: 'lab', status: '', replicas: 1, restarts: 0, ...state.last.lab, history: recent.map((sample) => sample.lab.cpu) })
  return rows
}
