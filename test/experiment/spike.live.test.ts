import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { WRONGS } from '../../src/reports/reconcile.ts'
import { writeReports } from '../../src/reports/write.ts'
import { ran, type Ran } from './runs.ts'

/** On a noisy machine a run may be INVALID (6); what happened to every event is exact all the same. */
function exact({ record, exitCode }: Ran): void {
  const accounting = record.state.accounting!
  for (const kind of WRONGS) expect(accounting[kind], kind).toBe(0)
  expect(accounting.miscounted).toEqual([])
  expect(accounting.stored).toBe(accounting.ok + accounting.recovered)
  expect(accounting.scheduled).toBe(accounting.ok + accounting.rejected + accounting.unknown + accounting.neverSent)
  expect(accounting.persistedLagMs?.count).toBe(accounting.stored)
  expect(record.state.settle?.drained).toBe(true)
  expect([0, 6]).toContain(exitCode)
}

describe('a whole run', () => {
  test('spike on v2: every event accounted for, watched by every subscriber', async () => {
    await using result = await ran({ duration: '10', rate: '200', subscribers: '5' })
    exact(result)
    const { record } = result
    expect(record.state.accounting!.scheduled).toBeGreaterThan(8_000)
    expect(record.watched).toMatchObject({ subscribers: 5, violations: [] })
    expect(record.watched!.lowest).toBe(record.state.accounting!.stored)
    expect(record.state.accounting!.freshnessMs!.count).toBe(record.state.accounting!.stored)
    expect(record.phases.map((phase) => phase.name)).toEqual(['warmup', 'base', 'rise', 'hold', 'fall', 'after'])
    expect(record.phases.every((phase) => phase.latencyMs !== undefined)).toBe(true)
    expect(Object.keys(record.samples.at(-1)!.services).sort()).toEqual(['api', 'postgres', 'redis', 'worker'])
  })

  test('the report is made again from the folder alone, and is the same', async () => {
    await using result = await ran({ arch: 'null', duration: '5' })
    const files = ['report.md', 'summary.json'].map((name) => join(result.record.folder, name))
    const before = files.map((file) => readFileSync(file, 'utf8'))
    for (const file of files) rmSync(file)
    await writeReports(result.record.folder)
    expect(files.map((file) => readFileSync(file, 'utf8'))).toEqual(before)
  })

  test('baseline on null: an open loop, then saturation, each accounted for', async () => {
    await using result = await ran({ arch: 'null', scenario: 'baseline', duration: '8' })
    exact(result)
    const [, constant, saturation] = result.record.phases
    expect(saturation!.sums!.events.ok).toBeGreaterThan(5 * constant!.sums!.events.ok)
  })

  test.each([
    ['several replicas of api and worker, diffs on the sockets', ['api=2', 'consumers=3', 'payload=diff']],
    ['small batches, stored at once', ['batch=7', 'flush=0']],
    ['no waiting for the disk', ['fsync=everysec']],
  ])('spike on v2 with %s', async (_, set) => {
    await using result = await ran({ set, rate: '150' })
    exact(result)
    expect(result.record.watched?.violations).toEqual([])
  })

  test('a backlog that may not grow: refused orders are told so, and none of them is stored', async () => {
    await using result = await ran({ set: ['maxlen=100', 'batch=1', 'flush=0'], rate: '400' })
    const accounting = result.record.state.accounting!
    expect(accounting.rejected).toBeGreaterThan(0)
    for (const kind of WRONGS) expect(accounting[kind], kind).toBe(0)
    expect(Object.keys(result.record.injected!.errors)).toEqual(['503'])
    const backlog = result.record.samples.map((sample) => sample.backlog ?? 0)
    expect(Math.max(...backlog)).toBeLessThanOrEqual(100)
  })
})
