import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { seekCapacity, type Probing } from '../../src/experiment/breakpoint.ts'
import { planRun, type RunPlan } from '../../src/experiment/plan.ts'
import type { RunEvent, Verdict } from '../../src/run/events.ts'
import { initialState, reduce, type RunState } from '../../src/run/state.ts'
import type { Runtime } from '../../src/runtime/runtime.ts'
import { INTERRUPTED } from './runs.ts'
import { EXACT, sampleAt, STARTED } from '../reports/records.ts'

const NOWHERE: Runtime = { name: 'local', up: () => Promise.reject(new Error('not asked for')) }

let folder: string
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'load-lab-test-'))))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let searches = 0

const LATENCY = { p50: 2, p95: 9, p99: 20, max: 40, count: 1_000 }
const verdict = (more: Partial<Verdict> = {}): Verdict => ({ outcome: 'passed', exitCode: 0, reasons: [], validity: [], expectations: [], latencyMs: LATENCY, ...more })
const SLOW = verdict({ outcome: 'failed', exitCode: 4, latencyMs: { ...LATENCY, p99: 900 }, expectations: [{ metric: 'p99Ms', says: 'p99 at most 100, measured 900', met: false, measured: 900 }] })
const STOLEN = verdict({ outcome: 'invalid', exitCode: 6, validity: [{ check: 'stolen CPU time', ok: false, says: '9 %, allowed 5 %' }] })

/** What a run at this rate tells, as fast as it can be told. */
function told(plan: RunPlan, judged: Verdict, cpu = 0.4): RunEvent[] {
  const services = { api: { cpu, rssBytes: 1, replicas: 1 } }
  const events = [
    { ...STARTED, scenario: plan.scenario, baseRate: plan.baseRate },
    { type: 'load-planned', startAtMs: 1 },
    sampleAt(1, { services }),
    { type: 'settled', tookMs: 100, backlog: 0, drained: true },
    { type: 'accounted', accounting: EXACT },
    { type: 'judged', verdict: judged },
    { type: 'run-ended', status: 'complete', exitCode: judged.exitCode },
  ]
  return events.map((event, i) => ({ atMs: i, ...event }) as RunEvent)
}

interface Played {
  events: RunEvent[]
  state: RunState
  plans: RunPlan[]
  exitCode: number
}

/** A whole search over probes that take no time. */
async function search(of: (rate: number, probe: number) => RunEvent[] | Verdict, { rate = '1000', signal = new AbortController().signal } = {}): Promise<Played> {
  const plan = await planRun({ scenario: 'breakpoint', arch: 'v2', set: ['batch=50'], compose: [], results: folder, rate, seed: '5' }, NOWHERE, 'lab run breakpoint')
  const plans: RunPlan[] = []
  const probing: Probing = async function* (probe) {
    plans.push(probe)
    const answer = of(probe.baseRate, plans.length)
    yield* Array.isArray(answer) ? answer : told(probe, answer)
  }
  const events: RunEvent[] = [{ atMs: 0, ...STARTED, scenario: plan.scenario }]
  const path = join(folder, String((searches += 1)))
  mkdirSync(path)
  const exitCode = await seekCapacity(plan, plan.scenario.search!, { folder: { path }, signal, emit: (event) => void events.push({ atMs: events.length, ...event } as RunEvent) }, probing)
  return { events, plans, exitCode, state: events.reduce(reduce, initialState) }
}

const upTo = (capacity: number) => (rate: number) => (rate <= capacity ? verdict() : SLOW)

describe('a system that holds 3,100 orders a second', () => {
  let played: Played
  beforeAll(async () => {
    played = await search((rate, probe) => (rate <= 3_100 ? verdict() : told({ baseRate: rate, scenario: STARTED.scenario } as RunPlan, SLOW, probe === 4 ? 0.5 : 0.97)))
  })
  test('is found, between two rates that lie 5 % apart, and the search passes', () => {
    expect(played.exitCode).toBe(0)
    expect(played.state.verdict).toMatchObject({ outcome: 'passed', remarks: ['holds 3,084/s (3 of 3 probes passed), fails at 3,220/s (3 of 3 probes failed)', 'gave out first: api: it used 97 % of the one core it can use'] })
  })
  test('every probe is a run of its own: folder, id, system, same seed, same knobs, other run tag', () => {
    const { plans } = played
    expect(plans.map(({ folderName }) => folderName)).toEqual(plans.map((_, i) => String(i + 1)))
    expect(new Set(plans.map(({ runId }) => runId)).size).toBe(plans.length)
    expect(new Set(plans.map(({ runTag }) => runTag)).size).toBeGreaterThan(1)
    expect(plans.every(({ seed, knobs, scenario, resultsDir }) => seed === 5 && knobs['batch'] === 50 && scenario.search === undefined && resultsDir.endsWith('/probes'))).toBe(true)
  })
  test('how long it takes is said before, and again at every probe', () => {
    expect(played.events.find(({ type }) => type === 'search-planned')).toMatchObject({ probes: 12, seconds: 600 })
    const left = played.events.flatMap((event) => (event.type === 'probe-began' ? [event.probesLeft] : []))
    expect(left.at(-1)).toBe(1)
  })
  test('its state holds every probe, the bracket, and the run that went on last', () => {
    const { probes, bracket, current, searched } = played.state.search!
    expect(probes.map(({ rate, outcome }) => `${rate} ${outcome}`).slice(0, 4)).toEqual(['1000 passed', '2000 passed', '4000 failed', '2828 passed'])
    expect(bracket).toEqual({ pass: 3_084, border: 3_220 })
    expect(current?.run.ended?.status).toBe('complete')
    expect(searched).toMatchObject({ why: 'found', bottleneck: { what: 'core', service: 'api' } })
  })
})

test('a machine that is stolen: repeated three times, then INVALID, and what was known is said', async () => {
  const { exitCode, plans, state } = await search((rate) => (rate > 1_000 ? STOLEN : verdict()))
  expect(exitCode).toBe(6)
  expect(plans.map(({ baseRate }) => baseRate)).toEqual([1_000, 2_000, 2_000, 2_000])
  expect(state.verdict?.reasons).toEqual(['2,000/s could not be measured in 3 probes, the last time because of stolen CPU time: 9 %, allowed 5 %', 'so far: holds 1,000/s (1 of 1 probes passed), no rate was seen to fail'])
})

test('an injector that is late from some rate on: beyond this machine', async () => {
  const late = verdict({ outcome: 'invalid', exitCode: 6, validity: [{ check: 'send lag in hold', ok: false, says: 'p99 31 ms' }] })
  const { exitCode, state } = await search((rate) => (rate > 3_100 ? late : verdict()))
  expect(exitCode).toBe(6)
  expect(state.verdict?.reasons[0]).toMatch(/^beyond this machine: holds 3,084\/s \(3 of 3 probes passed\); at 3,220\/s the injector was late/)
})

test('wrong data ends it at once, with 7', async () => {
  const { exitCode, plans, state } = await search((rate) => (rate > 1_500 ? verdict({ outcome: 'failed', exitCode: 7, reasons: ['3 lost (of 900 accepted)'] }) : verdict()))
  expect([exitCode, plans.length]).toEqual([7, 2])
  expect(state.verdict?.reasons).toEqual(['probe 2 at 2,000/s: 3 lost (of 900 accepted)', 'so far: holds 1,000/s (1 of 1 probes passed), no rate was seen to fail'])
})

test('one that holds nothing has failed its expectations', async () => {
  const { exitCode, state } = await search(() => SLOW, { rate: '4' })
  expect(exitCode).toBe(4)
  expect(state.verdict?.reasons[0]).toBe('not even 1/s holds (3 of 3 probes failed)')
})

test('one that is never at its end is INVALID: no limit was found', async () => {
  const { exitCode, state } = await search(upTo(Infinity), { rate: '20000' })
  expect(exitCode).toBe(6)
  expect(state.verdict?.reasons).toEqual(['no limit was found: holds 64,000/s (3 of 3 probes passed), and nothing higher is tried'])
})

test('a probe that breaks ends the search with its exit code and its words', async () => {
  const broken = [{ ...STARTED }, { type: 'run-ended', status: 'failed', exitCode: 3, why: 'there is no Java' }].map((event, i) => ({ atMs: i, ...event }) as RunEvent)
  await expect(search(() => broken)).rejects.toMatchObject({ name: 'LabError', exitCode: 3, message: 'probe 1 at 1000/s failed: there is no Java' })
})

test('an interruption ends it after the probe that goes on; no other one begins', async () => {
  const interrupted = new AbortController()
  const probes: number[] = []
  const searching = search(
    (rate, probe) => {
      probes.push(probe)
      if (probe === 2) interrupted.abort(INTERRUPTED)
      return upTo(3_000)(rate)
    },
    { signal: interrupted.signal },
  )
  await expect(searching).rejects.toBe(INTERRUPTED)
  expect(probes).toEqual([1, 2])
})
