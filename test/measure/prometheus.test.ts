import { describe, expect, test } from 'vitest'
import { metricFigures, parseMetrics, type Reading } from '../../src/measure/prometheus.ts'

test('reads names and values, adds up labels, and leaves out what is not ours or no number', () => {
  const text = [
    '# HELP lab_a_total lab_not 5', '# TYPE lab_a_total counter', 'lab_a_total 3', 'nodejs_x 5', 'process_lab_total 4', '',
    'lab_refused_total{status="429"} 2', 'lab_refused_total{status="5 } 3",why="{x"} 5 1700000000000', 'lab_age_seconds{of="a"} 0.5', 'lab_age_seconds{of="b"} 0.25',
    'lab_nothing NaN', 'lab_endless +Inf', 'lab_time_bucket{le="1"} 7', 'lab_time_sum 7.5', 'lab_broken', 'lab_small 1e-3',
  ].join('\n')
  expect(Object.fromEntries(parseMetrics(text))).toEqual({ lab_a_total: 3, lab_refused_total: 7, lab_age_seconds: 0.5, lab_time_sum: 7.5, lab_small: 0.001 })
})

const reading = (atS: number, values: Record<string, number>): Reading => ({ atMs: atS * 1_000, values: new Map(Object.entries(values)) })

describe('figures', () => {
  test.each([
    ['of the first readings: no rates', { a: reading(1, { lab_x_total: 5, lab_y: 2 }) }, {}, { lab_y: 2 }],
    ['counters per second, over all', { a: reading(3, { lab_x_total: 25 }), b: reading(3, { lab_x_total: 5 }) }, { a: reading(1, { lab_x_total: 5 }), b: reading(2, { lab_x_total: 4 }) }, { lab_x_total: 11 }],
    ['gauges added up', { a: reading(2, { lab_y: 2 }), b: reading(2, { lab_y: 3 }) }, { a: reading(1, {}) }, { lab_y: 5 }],
    ['ages and sizes: the largest', { a: reading(2, { lab_s_seconds: 2, lab_b_bytes: 7 }), b: reading(2, { lab_s_seconds: 3, lab_b_bytes: 5 }) }, { a: reading(1, {}) }, { lab_s_seconds: 3, lab_b_bytes: 7 }],
    ['a counter that went back counts from zero', { a: reading(2, { lab_x_total: 4 }) }, { a: reading(1, { lab_x_total: 100 }) }, { lab_x_total: 4 }],
    ['a process that was not there does, too', { a: reading(2, { lab_x_total: 2 }), b: reading(2, { lab_x_total: 6 }) }, { a: reading(1, { lab_x_total: 1 }) }, { lab_x_total: 7 }],
    ['of whom nobody answers for all: none', { a: reading(2, { lab_x_total: 9, lab_y: 1 }), b: undefined }, { a: reading(1, { lab_x_total: 1 }), b: reading(1, { lab_x_total: 1 }) }, { lab_y: 1 }],
    ['one that is gone leaves no gap', { a: reading(2, { lab_x_total: 9 }) }, { a: reading(1, { lab_x_total: 1 }), b: reading(1, { lab_x_total: 1 }) }, { lab_x_total: 8 }],
  ])('%s', (_, now, before, figures) => {
    expect(metricFigures(new Map(Object.entries(now)), new Map(Object.entries(before)) as Map<string, Reading>)).toEqual(figures)
  })
})
