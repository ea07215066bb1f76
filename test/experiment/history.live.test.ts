import { expect, test } from 'vitest'
import type { RunEvent } from '../../src/run/events.ts'
import { markdownReport } from '../../src/reports/markdown.ts'
import { summarise } from '../../src/reports/summarise.ts'
import { ran } from './runs.ts'

const ORDERS = 50_000

test.each(['v1', 'v2'])('%s: a run on 50,000 orders of history accounts for all of them, and for its own apart', async (arch) => {
  await using run = await ran({ scenario: 'spike', arch, history: String(ORDERS), duration: '5', rate: '60' })
  const { record, events } = run
  const { accounting, seeded, verdict } = record.state
  expect(accounting).toMatchObject({ lost: 0, duplicated: 0, unexpected: 0, altered: 0, miscounted: [], history: { orders: ORDERS, stored: ORDERS, lost: 0, duplicated: 0, altered: 0 } })
  expect(accounting!.stored).toBe(accounting!.ok)
  expect(accounting!.neverVisible).toBe(0)
  expect(accounting!.freshnessMs!.count).toBe(accounting!.stored)
  expect(seeded).toMatchObject({ orders: ORDERS, days: 30 })
  // The load began only when the dashboard had all of it.
  expect(record.state.notes.some(({ says }) => /^the dashboard showed the history/.test(says))).toBe(true)
  const seen = record.samples.flatMap((sample) => sample.seen ?? [])
  expect(seen.length).toBeGreaterThan(0)
  expect(Math.min(...seen.map(([, count]) => count))).toBeGreaterThanOrEqual(ORDERS)
  const stages = events.flatMap((event: RunEvent) => (event.type === 'stage' ? [event.stage] : []))
  expect(stages.slice(0, 3)).toEqual(['up', 'seed', 'load'])
  // Measured against the run's own events: with the history in it, any reach would be all but 1.
  const reach = verdict!.expectations.find(({ says }) => says.startsWith('share of the final count'))
  expect(reach?.measured).toBeCloseTo((record.watched!.lowest - ORDERS) / accounting!.stored, 6)
  expect(record.samples.flatMap((sample) => sample.freshnessMs ?? []).every((ms) => ms < 60_000)).toBe(true)
  expect(markdownReport(record, summarise(record))).toContain('History: 50,000 orders over 30 days, written in ')
})
