import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { faultProblems, secondsOf } from '../../src/faults/check.ts'
import { endOf, lastingUntil, tourOf } from '../../src/faults/tour.ts'
import { failure } from '../../src/scenarios/failure.ts'
import type { FaultExpectation } from '../../src/system/architecture.ts'

const TARGETS = { replicas: { api: 1, worker: 1, redis: 1 }, linkable: ['api', 'redis'] }
const expected = fc.record({
  fault: fc.constantFrom('kill', 'pause', 'stop', 'latency', 'reset', 'partition'),
  service: fc.constantFrom('api', 'worker', 'redis', 'gone'),
  forSeconds: fc.option(fc.integer({ min: 1, max: 30 }), { nil: undefined }),
  recoversWithinS: fc.integer({ min: 1, max: 60 }),
}).map((one): FaultExpectation => ({ clients: 'nothing', says: '', ...one, ...(one.fault === 'latency' && { value: '200ms' }) }))

describe('a tour', () => {
  test('plays all that can be played, in order, each with the time that it may take before the next, and can be played as it is', () => {
    fc.assert(
      fc.property(fc.array(expected, { maxLength: 30 }), fc.nat(100), (list, from) => {
        const { faults, endSeconds, leftOut } = tourOf(list, TARGETS, [], from)
        const possible = list.filter(({ fault, service }) => service !== 'gone' && !(service === 'worker' && ['latency', 'reset', 'partition'].includes(fault)))
        expect(faults.map(({ fault, service }) => [fault, service])).toEqual(possible.map(({ fault, service }) => [fault, service]))
        expect(leftOut).toHaveLength(list.length - possible.length)
        faults.forEach((fault, i) => {
          const next = faults[i + 1]?.atSeconds ?? endSeconds
          expect(next - fault.atSeconds - (secondsOf(fault) ?? 0)).toBeGreaterThan(possible[i]!.recoversWithinS + 5)
        })
        expect(faults[0]?.atSeconds ?? from).toBe(from)
        expect(faultProblems(faults, TARGETS, endSeconds)).toEqual([])
      }),
    )
  })

  test('leaves alone what the lab does not own, and says so', () => {
    const list: FaultExpectation[] = ['redis', 'api'].map((service) => ({ fault: 'kill', service, clients: 'nothing', recoversWithinS: 5, says: '' }))
    expect(tourOf(list, TARGETS, ['redis'], 0)).toMatchObject({ faults: [{ service: 'api' }], leftOut: ['kill redis is left out: the lab does not own that server'] })
  })

  test('the last phase goes on until the end, and is never shortened', () => {
    expect(lastingUntil(failure, 100).phases.map(({ seconds }) => seconds)).toEqual([8, 12, 80])
    expect(lastingUntil(failure, 10)).toBe(failure)
  })

  test('faults by hand: until the last has had its time', () => {
    const list: FaultExpectation[] = [{ fault: 'pause', service: 'redis', clients: 'nothing', recoversWithinS: 12, says: '' }]
    const at = (atSeconds: number, service = 'redis') => ({ fault: 'pause' as const, service, replica: 1, atSeconds, forSeconds: 5, added: true })
    expect(endOf([at(30), at(20)], list)).toBe(30 + 5 + 12 + 8)
    expect(endOf([at(20, 'api')], list)).toBe(20 + 5 + 30 + 8)
  })
})
