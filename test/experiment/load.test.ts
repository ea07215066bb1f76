import { expect, test } from 'vitest'
import { loadPhases, phaseClock, sentCurve } from '../../src/experiment/load.ts'
import type { LoadPlan } from '../../src/load/control.ts'
import { spike } from '../../src/scenarios/spike.ts'

test('a scenario is a multiple of its base rate', () => {
  const phases = loadPhases(spike, 200)
  expect(phases.find((phase) => phase.name === 'rise')).toEqual({ name: 'rise', durationMs: 5_000, shape: { kind: 'ramp', from: 200, to: 2_000 } })
  expect(phases.find((phase) => phase.name === 'hold')?.shape).toEqual({ kind: 'constant', rate: 2_000 })
})

test('a moment belongs to the phase it lies in', () => {
  const at = phaseClock({ startAtMs: 1_000, phases: [{ name: 'a', durationMs: 100 }, { name: 'b', durationMs: 50 }] } as LoadPlan)
  expect([999, 1_000, 1_099, 1_100, 1_149, 1_150].map(at)).toEqual([undefined, 'a', 'a', 'b', 'b', undefined])
})

test('when a count was sent, between two snapshots', () => {
  const curve = sentCurve()
  curve.add(1_000, 0)
  curve.add(1_100, 10)
  curve.add(1_200, 30)
  expect([0, 5, 10, 20, 30].map((count) => curve.atMs(count))).toEqual([1_000, 1_050, 1_100, 1_150, 1_200])
  expect(curve.atMs(31)).toBe(1_200)
  expect(sentCurve().atMs(1)).toBeUndefined()
})
