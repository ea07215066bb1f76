import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { scraping } from '../../src/experiment/scraping.ts'
import { perform } from '../../src/load/conductor.ts'
import type { LoadPlan } from '../../src/load/control.ts'
import { parseMetrics } from '../../src/measure/prometheus.ts'
import { drained, startStack } from '../system/stack.ts'

const accepted = async (url: string): Promise<number> => parseMetrics(await (await fetch(url)).text()).get('lab_events_accepted_total') ?? 0

test('replicas come and go under load: new ones get their share, nothing is lost, refused or unknown, and each is heard', async () => {
  await using stack = await startStack('v1', { knobs: { autoscale: 'on', api: '2', syncCommit: 'off' } })
  const { system } = stack
  const plan: LoadPlan = {
    baseUrl: stack.url, path: '/api/v1', headers: {}, seed: 1, runTag: 2, injector: 0, startAtMs: Date.now() + 50, customers: { commuter: 0.95, browser: 0.05 },
    phases: [{ name: 'c', durationMs: 16_000, shape: { kind: 'constant', rate: 200 } }], connections: 64, maxOpen: 5_000, timeoutMs: 5_000, retries: 0,
  }
  const performing = perform(plan)
  const scrape = scraping(system)
  await scrape()
  await sleep(1_500)
  const figures = await scrape()
  expect(figures.lab_events_accepted_total).toBeGreaterThan(100)
  expect(figures.lab_events_accepted_total).toBeLessThan(300)
  expect(figures.lab_aggregation_rows, 'roles are heard, too').toBeGreaterThan(0)

  await system.scale('api', 4)
  // Connections live two to four seconds.
  await sleep(4_500)
  const urls = system.services.filter(({ service, replica }) => service === 'api' && replica > 2).map(({ metricsUrl }) => metricsUrl!)
  expect(new Set(urls).size).toBe(2)
  // The kernel splits a handful of connections unevenly.
  const shares = await Promise.all(urls.map(accepted))
  expect(shares[0]! + shares[1]!).toBeGreaterThan(60)
  await system.scale('api', 2)
  expect(system.services.filter(({ service }) => service === 'api').map(({ replica }) => replica)).toEqual([1, 2])

  await performing.done
  const { events, reads, errors } = performing.snapshot({ loopDelayP99Ms: 0, cpuShare: 0, rssBytes: 0 })
  expect(errors).toEqual({})
  expect(events).toMatchObject({ ok: events.scheduled, unknown: 0, rejected: 0, neverSent: 0 })
  expect(reads.ok).toBe(reads.scheduled)
  expect((await drained(stack.judge)).count).toBe(events.ok)
  expect(stack.events.filter((event) => event.type === 'service-exited' && event.replica > 2)).toMatchObject([{ expected: true, code: 0 }, { expected: true, code: 0 }])
})
