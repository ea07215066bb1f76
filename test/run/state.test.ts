import { expect, test } from 'vitest'
import type { RunEvent } from '../../src/run/events.ts'
import { initialState, LOG_LIMIT, reduce } from '../../src/run/state.ts'

const play = (...events: object[]) => events.map((event, i) => ({ atMs: 1_000 + i, ...event }) as RunEvent).reduce(reduce, initialState)

test('a service starts, gets ready, dies and comes back', () => {
  const api = { service: 'api', replica: 0 }
  const state = play(
    { type: 'service-started', ...api },
    { type: 'service-ready', ...api, tookMs: 300, version: 'API 1' },
    { type: 'service-exited', ...api, code: null, signal: 'SIGKILL', expected: false, willRestart: true, lastLines: [] },
    { type: 'service-restarted', ...api, attempt: 1 },
  )
  expect(state.services).toEqual([{ ...api, status: 'restarting', restarts: 1, tookMs: 300, version: 'API 1' }])
  expect(state.log.at(-1)).toMatchObject({ service: 'api', line: 'died: SIGKILL' })
})

test('a one-shot service that ended well is done', () => {
  const setup = { service: 'setup', replica: 0 }
  const state = play({ type: 'service-started', ...setup }, { type: 'service-exited', ...setup, code: 0, signal: null, expected: true, willRestart: false, lastLines: [] })
  expect(state.services[0]?.status).toBe('done')
})

test('phases keep their bounds', () => {
  const state = play({ type: 'phase-began', phase: 'base', index: 0 }, { type: 'phase-ended', phase: 'base', index: 0 }, { type: 'phase-began', phase: 'hold', index: 1 })
  expect(state.phases).toEqual([{ name: 'base', beganAtMs: 1_000, endedAtMs: 1_001 }, { name: 'hold', beganAtMs: 1_002 }])
  expect(state.phase).toEqual({ name: 'hold', index: 1, beganAtMs: 1_002 })
})

test('an alert is raised once and cleared', () => {
  const raised = play({ type: 'alert', alert: 'backlog', on: true, says: 'too much' })
  expect(raised.alerts).toHaveLength(1)
  expect(reduce(raised, { atMs: 2_000, type: 'alert', alert: 'backlog', on: false, says: 'fine' }).alerts).toEqual([])
})

test('a fault is healed where it was injected', () => {
  const state = play(
    { type: 'fault-injected', fault: 'kill', service: 'worker', replica: 1 },
    { type: 'fault-injected', fault: 'kill', service: 'redis', replica: 1 },
    { type: 'fault-healed', fault: 'kill', service: 'redis', replica: 1, tookMs: 5 },
  )
  expect(state.faults.map((fault) => fault.healedAtMs)).toEqual([undefined, 1_002])
})

test.each([
  ['by a fault', true, 'killed'],
  ['by itself', false, 'exited'],
])('a service that was ended %s is told apart', (_, expected, status) => {
  const worker = { service: 'worker', replica: 1 }
  const fault = { type: 'fault-injected', fault: 'kill', ...worker }
  const exit = { type: 'service-exited', ...worker, code: null, signal: 'SIGKILL', expected, willRestart: false, lastLines: [] }
  expect(play(...(expected ? [fault] : []), exit).services[0]?.status).toBe(status)
  expect(play(fault, { ...exit, expected: false }).services[0]?.status).toBe('exited')
})

test('a paused service is so until it is healed', () => {
  const redis = { fault: 'pause', service: 'redis', replica: 1 }
  expect(play({ type: 'fault-injected', ...redis }).services[0]?.status).toBe('paused')
  expect(play({ type: 'fault-injected', ...redis }, { type: 'fault-healed', ...redis, tookMs: 0 }).services[0]?.status).toBe('ready')
})

test('the log is bounded, and earlier states keep their own', () => {
  const lines = Array.from({ length: LOG_LIMIT + 50 }, (_, i) => ({ type: 'log', service: 'api', replica: 0, line: `line ${i}` }))
  const state = play(...lines)
  expect(state.log).toHaveLength(LOG_LIMIT)
  expect(state.log.at(-1)?.line).toBe(`line ${LOG_LIMIT + 49}`)
  expect(initialState.log).toEqual([])
})
