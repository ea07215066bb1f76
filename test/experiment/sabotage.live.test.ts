import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import type { Ledger } from '../../src/measure/ledger-file.ts'
import { WRONGS, type Wrong } from '../../src/reports/reconcile.ts'
import { ran } from './runs.ts'

const composeFile = (kind: string) => fileURLToPath(new URL(`sabotage/${kind}.yaml`, import.meta.url))

/** How many events the saboteur betrays: those whose sequence ends in 0x07. */
function victims(ledger: Ledger): number {
  return ledger.sources.reduce((sum, source) => sum + Math.floor((ledger.events(source) - 8) / 256) + 1, 0)
}

test.each([
  ['lossy', 'lost'],
  ['duplicating', 'duplicated'],
  ['altering', 'altered'],
] as [string, Wrong][])('a %s worker: exactly its victims are %s, named, and the run fails with 7', async (kind, wrong) => {
  await using result = await ran({ compose: [composeFile(kind)] })
  const accounting = result.record.state.accounting!
  expect(accounting[wrong]).toBe(victims(result.ledger))
  expect(accounting[wrong]).toBeGreaterThan(3)
  expect(accounting.examples[wrong].every((id) => id.endsWith('07'))).toBe(true)
  for (const other of WRONGS) if (other !== wrong) expect(accounting[other], other).toBe(0)
  expect(result.exitCode).toBe(7)
  expect(result.record.state.verdict?.reasons[0]).toContain(`${accounting[wrong]} ${wrong}`)
})

test('a miscounting worker: exactly the figures it falsified are named, and the run fails with 7', async () => {
  await using result = await ran({ compose: [composeFile('miscounting')] })
  const { miscounted, ...accounting } = result.record.state.accounting!
  expect(miscounted.map((one) => one.figure)).toEqual(['byProduct.latte.count', 'top.1.latte'])
  expect(miscounted[0]!.shown).toBeGreaterThan(miscounted[0]!.expected)
  for (const kind of WRONGS) expect(accounting[kind], kind).toBe(0)
  expect(result.exitCode).toBe(7)
})
