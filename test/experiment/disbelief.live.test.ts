import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { WRONGS } from '../../src/reports/reconcile.ts'
import { ran, type Ran } from './runs.ts'

/** Whatever else cannot be believed, the accounting is exact. */
function exactAndInvalid({ record, exitCode }: Ran): string {
  const accounting = record.state.accounting!
  for (const kind of WRONGS) expect(accounting[kind], kind).toBe(0)
  expect(accounting.miscounted).toEqual([])
  expect(record.state.verdict).toMatchObject({ outcome: 'invalid', exitCode: 6 })
  expect(exitCode).toBe(6)
  return record.state.verdict!.reasons.join('\n')
}

test('an overloaded injector is found out', async () => {
  await using result = await ran({ arch: 'null', rate: '8000', duration: '6', subscribers: '0' })
  expect(exactAndInvalid(result)).toMatch(/send lag|injector's (loop delay|CPU)|achieved load/)
})

test('an overloaded machine is found out', async () => {
  const burners = Array.from({ length: 12 }, () => spawn(process.execPath, ['-e', 'setTimeout(() => process.exit(), 60_000); setImmediate(function burn() { for (let i = 0; i < 1e7; i++); setImmediate(burn) })'], { stdio: 'ignore' }))
  try {
    await using result = await ran({ arch: 'null', rate: '300', duration: '6', subscribers: '0' })
    expect(exactAndInvalid(result)).toMatch(/send lag|loop delay/)
  } finally {
    for (const burner of burners) burner.kill('SIGKILL')
  }
})

test('connections dropped under the closed loop are found out', async () => {
  const compose = [fileURLToPath(new URL('sabotage/dropping.yaml', import.meta.url))]
  await using result = await ran({ arch: 'null', scenario: 'baseline', rate: '50', duration: '10', subscribers: '0', compose })
  expect(exactAndInvalid(result)).toMatch(/closed loop: .*connections dropped/)
})
