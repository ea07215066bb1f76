import { describe, expect, test } from 'vitest'
import { WRONGS } from '../../src/reports/reconcile.ts'
import { ran, type Ran } from './runs.ts'

/** What no guarantee gives up; on a slow machine a run may be INVALID (6) or miss a figure (4) all the same. */
function neverWrong({ record, exitCode }: Ran): void {
  const accounting = record.state.accounting!
  for (const kind of WRONGS) if (kind !== 'lost') expect(accounting[kind], kind).toBe(0)
  expect(accounting.miscounted).toEqual([])
  expect(accounting.stored).toBe(accounting.ok + accounting.recovered - accounting.lost)
  expect(record.state.settle?.drained).toBe(true)
  expect([0, 4, 6]).toContain(exitCode)
}

describe('v0', () => {
  test.each([
    ['as it is', []],
    ['with two replicas of the API, two readers each, diffs, tiny batches', ['api=2', 'readers=2', 'payload=diff', 'batch=3', 'flush=0']],
  ])('loses nothing while nothing goes away: %s', async (_, set) => {
    await using result = await ran({ arch: 'v0', set })
    neverWrong(result)
    expect(result.record.state.accounting!.lost).toBe(0)
    expect(result.record.watched?.violations).toEqual([])
    expect(result.record.dataBytes!['data']).toBeGreaterThan(0)
  })

  test('whose consumer is away for two seconds loses what was accepted meanwhile, and says so', async () => {
    await using result = await ran({ arch: 'v0', duration: '9', fault: ['kill:consumer@2s+2s'] })
    neverWrong(result)
    const { ok, lost, lostExcused } = result.record.state.accounting!
    expect(lost).toBeGreaterThan(100)
    expect(lostExcused).toBe(lost)
    expect(result.record.state.verdict!.remarks?.join('\n')).toContain(`lost ${lost.toLocaleString('en-US')} of ${ok.toLocaleString('en-US')} accepted, as at-most-once allows`)
  })

  test('whose Redis is killed loses what it had not handed out, and nothing else', async () => {
    await using result = await ran({ arch: 'v0', duration: '9', fault: ['kill:redis@3s+1s'] })
    neverWrong(result)
    const { lost, lostExcused, rejected } = result.record.state.accounting!
    expect(rejected).toBeGreaterThan(0)
    expect(lostExcused).toBe(lost)
  })
})
