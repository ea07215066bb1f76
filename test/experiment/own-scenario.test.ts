import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseFault } from '../../src/faults/fault.ts'
import { scenarios } from '../../src/scenarios/index.ts'
import { pathText, readScenario } from '../../src/experiment/own-scenario.ts'
import { scenarioSchema } from '../../src/scenarios/scenario.ts'

const TAKEN = Object.keys(scenarios)
const read = (given: unknown, name = 'lunch') => readScenario(name, given, TAKEN, parseFault)
const SHAPE = { kind: 'constant', rate: 1 }
const VALID = { phases: [{ name: 'warm', seconds: 2, shape: SHAPE, warmup: true }, { name: 'rush', seconds: 6, shape: { kind: 'ramp', from: 1, to: 4 } }] }

/** `path says` of all that is wrong. */
function wrongs(given: unknown, name?: string): string[] {
  const found = read(given, name)
  return found.ok ? [] : found.problems.map(({ path, says }) => `${pathText(path)} ${says}`)
}

describe('a scenario of one\'s own', () => {
  it('needs nothing but phases', () => {
    const found = read(VALID, 'My Lunch 2')
    expect(found).toMatchObject({ ok: true, scenario: { id: 'my-lunch-2', baseRate: 100, customers: { commuter: 1 }, faults: [], expectations: [] } })
    expect(scenarioSchema.safeParse(found.ok && found.scenario).success).toBe(true)
  })

  it.each(Object.entries(scenarios))('may be a copy of %s under another name', (_, scenario) => {
    expect(read({ ...scenario, id: 'copy' })).toEqual({ ok: true, scenario: scenarioSchema.parse({ ...scenario, id: 'copy' }) })
  })

  it('takes faults as texts and as data, and reckons with both', () => {
    const data = { fault: 'pause', service: 'redis', atSeconds: 4, forSeconds: 1 }
    const found = read({ ...VALID, faults: ['kill:worker.2@3s', data] })
    expect(found.ok && found.scenario.faults).toEqual([
      { fault: 'kill', service: 'worker', replica: 2, atSeconds: 3, added: false },
      { ...data, replica: 1, added: false },
    ])
  })

  it.each([
    ['no mapping', null, [/^ cannot be null. Allowed: a mapping with id, title/]],
    ['no phases', {}, [/^phases is missing. Allowed: a list of at least 1$/]],
    ['an unknown field', { ...VALID, basRate: 5 }, [/^basRate there is no such field. Did you mean "baseRate"\? There are: .*phases/]],
    ['a field of a phase', { phases: [{ ...VALID.phases[1], secnds: 5 }] }, [/^phases\[0\]\.secnds .*Did you mean "seconds"/]],
    ['a shape', { phases: [{ ...VALID.phases[1], shape: { kind: 'constnt', rate: 1 } }] }, [/^phases\[0\]\.shape\.kind cannot be "constnt". Allowed: constant \| ramp \| poisson \| saturation. Did you mean "constant"\?$/]],
    ['a rate below zero', { phases: [{ ...VALID.phases[1], shape: { kind: 'ramp', from: 1, to: -4 } }] }, [/^phases\[0\]\.shape\.to cannot be -4. Allowed: a number, 0 or more$/]],
    ['a field of a shape', { phases: [{ ...VALID.phases[1], shape: { kind: 'ramp', from: 1, rate: 4 } }] }, [/^phases\[0\]\.shape\.to is missing/, /^phases\[0\]\.shape\.rate .*There are: kind, from, to$/]],
    ['a customer', { ...VALID, customers: { comuter: 1 } }, [/^customers\.comuter .*Did you mean "commuter"/]],
    ['customers without weight', { ...VALID, customers: { commuter: 0 } }, [/^customers one customer must have a weight above 0$/]],
    ['half a subscriber', { ...VALID, subscribers: 5.5 }, [/^subscribers cannot be 5\.5. Allowed: a whole number, 0 or more, at most 20000$/]],
    ['a fault that is none', { ...VALID, faults: ['kil:worker@3s'] }, [/^faults\[0\] "kil:worker@3s": there is no fault "kil". Did you mean "kill"/]],
    ['a metric and a phase', { ...VALID, expectations: [{ metric: 'p99ms', phase: 'rsh', atMost: 1 }] }, [/^expectations\[0\]\.metric .*Did you mean "p99Ms"/, /^expectations\[0\]\.phase cannot be "rsh". Did you mean "rush"\? Phases are: warm, rush$/]],
    ['a spike between phases that are none', { ...VALID, spike: { base: 'wrm', hold: 'rush' } }, [/^spike\.base cannot be "wrm"\. Did you mean "warm"\? Phases are: warm, rush$/]],
    ['a spike backwards', { ...VALID, spike: { base: 'rush', hold: 'warm' } }, [/^spike\.hold must be a phase after base$/]],
    ['an expectation of nothing', { ...VALID, expectations: [{ metric: 'p99Ms' }] }, [/^expectations\[0\] expects nothing/]],
    ['one name twice', { phases: [VALID.phases[1], VALID.phases[1]] }, [/^phases\[1\]\.name "rush" is the name of phases\[0\] already/]],
    ['warm-up alone', { phases: [VALID.phases[0]] }, [/^phases are all warm-up/]],
    ['a name of the lab\'s', { ...VALID, id: 'spike' }, [/^id "spike" is a scenario of the lab itself: choose another$/]],
    ['a search for nothing', { ...VALID, search: { ...scenarios.breakpoint.search, lowestRate: 9, highestRate: 2 } }, [/^search\.highestRate is below lowestRate, 9$/, /^expectations are missing/]],
  ] as const)('is refused with %s, and told what is allowed', (_, given, says) => {
    const found = wrongs(given)
    expect(found).toHaveLength(says.length)
    says.forEach((one) => expect(found.find((line) => one.test(line)), `${String(one)} in\n${found.join('\n')}`).toBeDefined())
  })

  it('is told that its file has a name of the lab\'s', () => {
    expect(wrongs(VALID, 'spike')).toEqual(['id "spike" is a scenario of the lab itself: give the file another name, or the scenario an id'])
  })

  it('is read or refused with reasons, whatever it holds', () => {
    const fields = Object.keys(scenarioSchema.shape)
    const anything = fc.dictionary(fc.constantFrom(...fields, 'other'), fc.oneof(fc.jsonValue(), fc.constantFrom<unknown>(...Object.values(scenarios.spike), ...Object.values(scenarios.breakpoint))))
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), anything, anything.map((some) => ({ ...VALID, ...some }))), (given) => {
        const found = read(given)
        if (found.ok) expect(scenarioSchema.safeParse(found.scenario).error).toBeUndefined()
        else expect(found.problems.every(({ says }) => says.length > 5 && !says.includes('Allowed: nothing'))).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  it('is refused for every field that is spelled wrong, and told how it is spelled', () => {
    const { phases: _, ...others } = scenarioSchema.shape
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(others)), fc.nat(), (field, at) => {
        const wrong = `${field.slice(0, at % field.length)}z${field.slice(at % field.length)}`
        expect(wrongs({ ...VALID, [wrong]: 1 })).toEqual([expect.stringContaining(field.length < 3 ? 'There are' : `Did you mean ${JSON.stringify(field)}`)])
      }),
    )
  })
})
