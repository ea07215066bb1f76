import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { WRONGS } from '../../src/reports/reconcile.ts'
import type { Summary } from '../../src/reports/summarise.ts'
import type { RunEvent } from '../../src/run/events.ts'
import { initialState, reduce } from '../../src/run/state.ts'
import { readStat } from '../../src/runtime/processes.ts'
import { gone, processesOf, startLab } from '../cli/lab-process.ts'
import { INTERRUPTED, ran, type Ran } from '../experiment/runs.ts'

/** On a slow machine a run may be INVALID or miss a figure; no event may be lost or counted twice all the same. */
function exact({ record, exitCode }: Ran): void {
  const accounting = record.state.accounting!
  for (const kind of WRONGS) expect(accounting[kind], kind).toBe(0)
  expect(accounting.miscounted).toEqual([])
  expect(record.state.settle?.drained).toBe(true)
  expect(record.deaths).toEqual([])
  expect([0, 4, 6]).toContain(exitCode)
}

type Of<T extends RunEvent['type']> = Extract<RunEvent, { type: T }>
const only = <T extends RunEvent['type']>(events: readonly RunEvent[], type: T) => events.filter((event): event is Of<T> => event.type === type)
const told = ({ events }: Ran) => events.flatMap((event) => (event.type === 'fault-injected' || event.type === 'fault-healed' ? [`${event.type} ${event.fault} ${event.service}`] : []))
const reportOf = ({ record }: Ran) => readFileSync(join(record.folder, 'report.md'), 'utf8')
const summaryOf = ({ record }: Ran) => JSON.parse(readFileSync(join(record.folder, 'summary.json'), 'utf8')) as Summary

/** The states of a service as the picture shows them, one after the other. */
function statesOf({ events }: Ran, service: string): string[] {
  let state = initialState
  const seen: string[] = []
  for (const event of events) {
    state = reduce(state, event)
    const status = state.services.find((one) => one.service === service)?.status
    if (status !== undefined && status !== seen.at(-1) && state.stage === 'load') seen.push(status)
  }
  return seen
}

describe('faults beside the load', () => {
  test('a worker that is killed comes back by its restart policy; a paused Redis answers again', async () => {
    await using result = await ran({ duration: '12', fault: ['kill:worker@2s', 'pause:redis@6s+2s'] })
    exact(result)
    expect(told(result)).toEqual(['fault-injected kill worker', 'fault-healed kill worker', 'fault-injected pause redis', 'fault-healed pause redis'])
    expect(only(result.events, 'service-exited').find(({ service }) => service === 'worker')).toMatchObject({ signal: 'SIGKILL', expected: true, willRestart: true })
    expect(only(result.events, 'service-restarted').map(({ service }) => service)).toEqual(['worker'])
    expect(statesOf(result, 'worker')).toEqual(['ready', 'killed', 'restarting', 'starting', 'ready'])
    expect(statesOf(result, 'redis')).toEqual(['ready', 'paused', 'ready'])
    const [, paused] = result.record.state.faults
    expect(paused!.healedAtMs! - paused!.injectedAtMs).toBeGreaterThanOrEqual(2_000)
    const report = reportOf(result)
    expect(report).toMatch(/▲━.*kill worker/)
    expect(report).toMatch(/## Faults\n\n\| fault .*\n.*\n\| kill worker \| 2\.\d \|.*\n\| pause redis \| 6\.\d \|/)
    const { faults, expectations } = summaryOf(result)
    expect(faults.map(({ fault, service }) => `${fault} ${service}`)).toEqual(['kill worker', 'pause redis'])
    expect(faults[0]).toMatchObject({ expected: { clients: 'nothing' }, clients: { rejected: 0, unknown: 0 } })
    expect(expectations.filter(({ says }) => /^(kill worker|pause redis) at/.test(says))).toHaveLength(2)
  })

  test('stores that are away for 3 s, whatever brings them back: nothing is lost, nothing counted twice', async () => {
    await using result = await ran({ duration: '16', fault: ['kill:redis@2s+3s', 'kill:postgres@9s+3s'] })
    exact(result)
    expect(told(result)).toEqual(['fault-injected kill redis', 'fault-healed kill redis', 'fault-injected kill postgres', 'fault-healed kill postgres'])
    for (const { injectedAtMs, healedAtMs } of result.record.state.faults) expect(healedAtMs! - injectedAtMs).toBeGreaterThanOrEqual(3_000)
    const { clients } = summaryOf(result).faults[0]!
    expect(clients.rejected + clients.unknown).toBeGreaterThan(0)
    expect(result.record.state.outages.map(({ service, how }) => `${service} ${how}`)).toEqual(['redis killed', 'postgres killed'])
  })

  test('a worker with a restart policy stays away as long as it should', async () => {
    await using result = await ran({ duration: '8', fault: ['kill:worker@2s+3s'] })
    exact(result)
    const [fault] = result.record.state.faults
    expect(fault!.healedAtMs! - fault!.injectedAtMs).toBeGreaterThanOrEqual(3_000)
    const started = only(result.events, 'service-started').filter(({ service, atMs }) => service === 'worker' && atMs > fault!.injectedAtMs)
    expect(started).toHaveLength(1)
    expect(started[0]!.atMs - fault!.injectedAtMs).toBeGreaterThanOrEqual(3_000)
  })

  test('what is still broken when the load ends is healed before the run settles', async () => {
    await using result = await ran({ duration: '5', fault: ['pause:worker@4s+60s'] })
    exact(result)
    const healed = result.events.findIndex(({ type }) => type === 'fault-healed')
    expect(healed).toBeGreaterThan(0)
    expect(healed).toBeLessThan(result.events.findIndex((event) => event.type === 'stage' && event.stage === 'settle'))
  })

  test('a memory that is killed loses what it held, as no guarantee allows, and nothing after', async () => {
    await using result = await ran({ arch: 'null', duration: '6', fault: ['kill:api@3s'] })
    const { lost, lostExcused, duplicated, unexpected, stored } = result.record.state.accounting!
    expect(lost).toBeGreaterThan(0)
    expect(lostExcused).toBe(lost)
    expect(stored).toBeGreaterThan(0)
    expect([duplicated, unexpected]).toEqual([0, 0])
    expect(result.exitCode).not.toBe(7)
    expect(reportOf(result)).toMatch(/lost [\d,]+ of [\d,]+ accepted, as no guarantee allows|INVALID/)
  })
})

describe('interrupted in the middle of a fault', () => {
  test.each([
    ['a pause', 'pause:postgres@1s+60s', 'postgres', true],
    ['a kill', 'kill:worker@1s+60s', 'worker', false],
  ])('%s: healed or ended, and nothing is left', async (_, fault, service, heals) => {
    const stop = new AbortController()
    await using result = await ran({ duration: '20', fault: [fault] }, stop.signal, (event) => {
      if (event.type === 'fault-injected') setTimeout(() => stop.abort(INTERRUPTED), 500)
    })
    expect(result.exitCode).toBe(130)
    expect(only(result.events, 'fault-healed').map((event) => event.service)).toEqual(heals ? [service] : [])
    expect(result.events.at(-1)).toMatchObject({ type: 'run-ended', status: 'aborted' })
    expect(processesOf(result.record.run.runId)).toEqual([])
  })

  const results = mkdtempSync(join(tmpdir(), 'load-lab-test-'))
  afterAll(() => rmSync(results, { recursive: true, force: true }))

  test('a lab that is itself killed while Redis is paused: the watchdog ends all of it within 15 s', async () => {
    const running = startLab(['run', 'spike', '--arch', 'v2', '--json', '--rate', '50', '--duration', '20', '--results', results, '--fault', 'pause:redis@1s+60s'])
    const started = (await running.until((event) => event.type === 'run-started')) as Of<'run-started'>
    await running.until((event) => event.type === 'fault-injected')
    const { pid } = (await running.until((event) => event.type === 'service-started' && event.service === 'redis')) as Of<'service-started'>
    await expect.poll(() => readStat(pid!)?.state).toBe('T')
    await sleep(200)
    running.child.kill('SIGKILL')
    await running.exited
    await gone(started.runId, 15_000)
    expect(readStat(pid!)?.state).not.toBe('T')
    await expect.poll(() => existsSync(join(tmpdir(), `load-lab-${started.runId}`)), { timeout: 5_000 }).toBe(false)
  })
})
