import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { WRONGS } from '../../src/reports/reconcile.ts'
import type { Summary } from '../../src/reports/summarise.ts'
import { ran } from '../experiment/runs.ts'

test('failure: faults one after another, each told apart, nothing lost by any', async () => {
  await using result = await ran({ scenario: 'failure', duration: '50', fault: ['kill:worker@10s', 'reset-reply:postgres@20s+2s', 'pause:redis@32s+3s'] })
  const { record, exitCode } = result
  const summary = JSON.parse(readFileSync(join(record.folder, 'summary.json'), 'utf8')) as Summary
  const accounting = record.state.accounting!
  for (const kind of WRONGS) expect(accounting[kind], kind).toBe(0)
  expect(accounting.miscounted).toEqual([])
  expect([0, 4, 6]).toContain(exitCode)
  expect(summary.faults.map(({ fault, service }) => `${fault} ${service}`)).toEqual(['kill worker', 'reset-reply postgres', 'pause redis'])
  for (const one of summary.faults) {
    expect(one.expected).toBeDefined()
    expect(one.accounting).toMatchObject({ lost: 0, duplicated: 0, phantom: 0 })
  }
  const paused = summary.faults[2]!
  expect(paused.availability!.ok).toBeLessThan(1)
  expect(Object.keys(paused.codes).some((code) => code === '503' || code === '504')).toBe(true)
  expect(summary.faults.reduce((sum, one) => sum + one.accounting!.recovered, 0)).toBeLessThanOrEqual(accounting.recovered)
  expect(readFileSync(join(record.folder, 'report.md'), 'utf8')).toContain('first success s')
})
