import { describe, expect, it } from 'vitest'
import { lagSeconds } from '../../src/system/architectures/v1-postgres-cron/read/replica-lag.ts'
import { loadArchitecture } from '../../src/system/architectures/index.ts'
import { describeKnobs, knobProblemLine, parseKnobs } from '../../src/system/knobs.ts'

const v1 = await loadArchitecture('v1')

describe('the lag of a replica, seconds', () => {
  const PRIMARY = [{ atMs: 1_000, bytes: 100 }, { atMs: 2_000, bytes: 200 }, { atMs: 3_000, bytes: 300 }]
  it.each([
    ['0 when it has everything, however long ago the last commit was', 300, 3_600, 3_000, 0],
    ['0 when it has more than was known of', 310, 3_600, 3_000, 0],
    ['the age of the last commit it has, while there are commits', 290, 0.02, 3_005, 0.02],
    ['the age of the position it has reached, after a quiet hour', 200, 3_600, 3_000, 1],
    ['growing while it is away', 200, 12, 12_000, 10],
    ['at least as old as all that is known, when it has none of it', 50, Infinity, 4_000, 3],
  ])('%s', (_what, replayed, commitAgeS, nowMs, expected) => {
    expect(lagSeconds(PRIMARY, replayed, commitAgeS, nowMs)).toBeCloseTo(expected, 6)
  })
  it('is unknown before the primary was asked', () => {
    expect(lagSeconds([], 1, 1, 1)).toBeNaN()
  })
})

describe('the knob rateLimit', () => {
  it.each(['off', '1/min', '9999999/min'])('takes %s', (value) => {
    expect(parseKnobs(v1, { rateLimit: value })).toMatchObject({ ok: true, knobs: { rateLimit: value } })
  })
  it.each(['0/min', '600', '600/s', '10000000/min', '-1/min', ''])('refuses %j and says what is allowed', (value) => {
    const parsed = parseKnobs(v1, { rateLimit: value })
    expect(parsed.ok ? [] : parsed.problems.map(knobProblemLine)).toEqual([`rateLimit cannot be ${JSON.stringify(value)}. Allowed: off | <n>/min, such as 600/min.`])
  })
  it('is described with it', () => {
    expect(describeKnobs(v1).find((it) => it.name === 'rateLimit')).toMatchObject({ default: 'off', allowed: 'off | <n>/min, such as 600/min' })
  })
})
