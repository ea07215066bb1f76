import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { phaseRecord, STARTED } from './records.ts'
import { traceSection } from '../../src/reports/trace-table.ts'
import { waysOf } from '../../src/reports/stages.ts'
import { traceFigures } from '../../src/reports/traces.ts'
import { EVENT_STAGES, SHARED, VERSION, type Span } from '../../src/system/tracing/span.ts'

const ID = '01a20009-b55e-7ba9-8e9c-0000000005a1'
const TRACE = ID.replaceAll('-', '')

function span(name: string, fromMs: number, toMs: number, more: Partial<Span> = {}): Span {
  return { traceId: TRACE, spanId: '1111111111111111', name, kind: 'internal', service: 'x', fromMs, toMs, ...more }
}

const project = (fromMs: number, toMs: number, version: number) => span(SHARED.project, fromMs, toMs, { traceId: `${fromMs}`, attributes: { [VERSION]: version } })
const push = (fromMs: number, toMs: number, version: number) => span(SHARED.push, fromMs, toMs, { traceId: `p${fromMs}`, attributes: { [VERSION]: version } })

const WAY = [span('receive', 100, 101), span('validate', 101, 102), span('publish', 102, 110), span('wait', 108, 130), span('gather', 130, 134), span('store', 134, 150)]

describe('the way of one event', () => {
  test('stage after stage, the broker in between, then the projection that began after the commit, then its push', () => {
    const spans = [...WAY, project(140, 160, 5), project(165, 170, 6), push(166, 167, 5), push(171, 180, 6), push(190, 199, 7)]
    expect(waysOf(spans)).toEqual({
      complete: [{ id: ID, fromMs: 100, totalMs: 80, stages: { receive: 1, validate: 1, publish: 8, wait: 20, gather: 4, store: 16, project: 20, push: 10 } }],
      incomplete: 0, refused: 0,
    })
  })

  test('a worker that was faster than the answer: no stage is negative, the sum stays', () => {
    const { complete } = waysOf([span('receive', 0, 1), span('validate', 1, 2), span('publish', 2, 50), span('gather', 10, 12), span('store', 12, 40)])
    expect(complete[0]).toMatchObject({ totalMs: 50, stages: { publish: 48, wait: 0, gather: 0, store: 0 } })
  })

  test('sent again after a refusal: what counts is the order that was accepted', () => {
    const { complete } = waysOf([span('receive', 0, 1), span('validate', 1, 2), span('publish', 2, 3, { failed: true }), span('receive', 100, 101), span('validate', 101, 102), span('publish', 102, 104), span('gather', 110, 111), span('store', 111, 120)])
    expect(complete[0]).toMatchObject({ fromMs: 100, totalMs: 20 })
  })

  test('an id that is a UUIDv7 says when the event was due', () => {
    const dueMs = Number.parseInt('01a20009b55e', 16)
    const shifted = WAY.map((one) => ({ ...one, fromMs: one.fromMs + dueMs, toMs: one.toMs + dueMs }))
    expect(waysOf(shifted).complete[0]).toMatchObject({ fromMs: dueMs, totalMs: 150, stages: { arrive: 100, receive: 1 } })
    expect(waysOf(shifted.map((one) => ({ ...one, fromMs: one.fromMs - 105, toMs: one.toMs - 105 }))).complete[0], 'seen before it was due').toMatchObject({ totalMs: 50, stages: { arrive: 0, receive: 1 } })
  })

  test('delivered again: what counts is the first commit', () => {
    const again = [span('gather', 400, 401), span('store', 401, 410)]
    expect(waysOf([...again, ...WAY]).complete[0]).toMatchObject({ totalMs: 50, stages: { store: 16 } })
  })

  test('without a projection: the first push that began after the commit', () => {
    expect(waysOf([...WAY, push(149, 151, 1), push(155, 160, 1)]).complete[0]).toMatchObject({ stages: { push: 10 } })
  })

  test('refused, incomplete, and the trace of a client are no ways', () => {
    const other = (name: string, traceId: string, more: Partial<Span> = {}) => span(name, 1, 2, { traceId, ...more })
    expect(waysOf([...WAY, other('publish', 'b'.repeat(32)), other('publish', 'c'.repeat(32), { failed: true }), other('POST orders', 'd'.repeat(32)), other('order', 'e'.repeat(32))])).toMatchObject({ complete: [{ id: ID }], incomplete: 1, refused: 1 })
  })
})

const anySpan = fc.record({
  name: fc.constantFrom(...EVENT_STAGES, ...Object.values(SHARED), 'order'),
  trace: fc.integer({ min: 0, max: 4 }),
  fromMs: fc.double({ min: -1_000, max: 1_000, noNaN: true }),
  ms: fc.double({ min: -50, max: 500, noNaN: true }),
  version: fc.integer({ min: 0, max: 5 }),
  failed: fc.boolean(),
})
const anySpans = fc.array(anySpan, { maxLength: 30 }).map((all) =>
  all.map(({ name, trace, fromMs, ms, version, failed }) => span(name, fromMs, fromMs + ms, { traceId: String(trace).repeat(32), attributes: { [VERSION]: version }, ...(failed && { failed }) })))

describe('whatever arrives', () => {
  test('no stage is negative and stages add up to the whole, with clocks apart and spans missing or doubled', () => {
    fc.assert(fc.property(anySpans, (spans) => {
      for (const { stages, totalMs } of waysOf(spans).complete) {
        expect(Object.values(stages).every((ms) => ms >= 0)).toBe(true)
        expect(Object.values(stages).reduce((sum, ms) => sum + ms, 0)).toBeCloseTo(totalMs, 6)
      }
    }))
  })

  test('the order in which spans arrive does not matter', () => {
    const inOrder = (spans: readonly Span[]) => waysOf(spans).complete.map(({ totalMs }) => totalMs).sort((a, b) => a - b)
    const apart = anySpans.map((spans) => spans.filter((one, i) => spans.findIndex(({ name, fromMs, traceId }) => name === one.name && fromMs === one.fromMs && traceId === one.traceId) === i))
    fc.assert(fc.property(apart.chain((spans) => fc.tuple(fc.constant(spans), fc.shuffledSubarray(spans, { minLength: spans.length }))), ([spans, shuffled]) => {
      expect(inOrder(shuffled)).toEqual(inOrder(spans))
    }))
  })

  test('shares add up to 1', () => {
    fc.assert(fc.property(anySpans, (spans) => {
      const figures = figuresOf(spans)
      for (const stretch of [figures.overall, ...figures.phases]) {
        if (stretch !== undefined) expect(stretch.stages.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 6)
      }
    }))
  })
})

function figuresOf(spans: Span[]) {
  const phases = [phaseRecord({ name: 'warm', measured: false, beganAtMs: -1_000, seconds: 0.5 }), phaseRecord({ name: 'base', beganAtMs: -500, seconds: 0.6 }), phaseRecord({ name: 'peak', beganAtMs: 100, seconds: 1 })]
  return traceFigures({ run: { ...STARTED, observe: { oneIn: 50 } }, spans, traced: { atMs: 0, type: 'traced', spans: spans.length, dropped: 2 }, phases })!
}

describe('in the report', () => {
  test('by phase of load, with a slowest one', () => {
    const early = WAY.map((one) => ({ ...one, traceId: 'f'.repeat(32), fromMs: one.fromMs - 400, toMs: one.toMs - 400 }))
    const traces = figuresOf([...WAY, ...early])
    expect(traces.phases.map(({ name, totalMs }) => [name, totalMs.count])).toEqual([['base', 1], ['peak', 1]])
    const text = traceSection({ traces })
    expect(text).toContain('One event in 50 was followed, chosen by its id: 2 traces are complete; **2 spans were dropped**.')
    expect(text).toMatch(/\| store \| 16\.0 .*\| 32\.0 % \| 16\.0 · 32\.0 % \| 16\.0 · 32\.0 % \|/)
    expect(text).toMatch(/^wait {5}│ {8}█{16} {16}│ {5}20\.0 ms$/m)
  })

  test('of a run that was not observed there is nothing, of one without traces no table', () => {
    expect(traceSection({ traces: undefined })).toBe('')
    expect(traceSection({ traces: figuresOf([]) })).toContain('No complete trace')
  })
})
