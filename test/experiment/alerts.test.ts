import { expect, test } from 'vitest'
import { alerting } from '../../src/experiment/alerts.ts'
import type { Sample } from '../../src/run/events.ts'

const NOTHING = { scheduled: 0, sent: 0, ok: 0, rejected: 0, unknown: 0, neverSent: 0, inFlight: 0 }

function sample(parts: { ok?: number; rejected?: number; backlog?: number; databaseCpu?: number }): Sample {
  return {
    type: 'sample',
    second: 1,
    rates: { offered: 0, sent: 0, accepted: 0, reads: 0 },
    counts: { events: { ...NOTHING, ok: parts.ok ?? 0, rejected: parts.rejected ?? 0 }, reads: NOTHING },
    errors: {},
    backlog: parts.backlog,
    services: { postgres: { cpu: parts.databaseCpu ?? 0, rssBytes: 0, replicas: 1 } },
    lab: { cpu: 0, rssBytes: 0 },
    machine: { cpuBusy: 0, stealShare: 0, load1: 0 },
  }
}

test.each([
  ['1 error in 100 is no alert', { ok: 99, rejected: 1 }, []],
  ['2 errors in 100 are', { ok: 98, rejected: 2 }, ['error-rate']],
  ['a backlog of 100,000 is none', { backlog: 100_000 }, []],
  ['one more is', { backlog: 100_001 }, ['backlog']],
  ['a database at 80 % of two cores is none', { databaseCpu: 1.6 }, []],
  ['a little more is', { databaseCpu: 1.61 }, ['database-cpu']],
] as const)('%s', (_, parts, raised) => {
  expect(alerting(2)(sample(parts), undefined).map((alert) => alert.alert)).toEqual(raised)
})

test('raised once, cleared once, by what ended since the sample before', () => {
  const watch = alerting(2)
  const bad = sample({ ok: 90, rejected: 10 })
  const worse = sample({ ok: 180, rejected: 20 })
  const good = sample({ ok: 1_180, rejected: 20 })
  expect(watch(bad, undefined).map((alert) => alert.on)).toEqual([true])
  expect(watch(worse, bad)).toEqual([])
  expect(watch(good, worse).map((alert) => alert.on)).toEqual([false])
})
