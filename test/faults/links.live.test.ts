import { expect, test } from 'vitest'
import { WRONGS } from '../../src/reports/reconcile.ts'
import { processesOf } from '../cli/lab-process.ts'
import { INTERRUPTED, ran, type Ran } from '../experiment/runs.ts'

/** On a slow machine a run may be INVALID or miss a figure; no event may be lost or counted twice all the same. */
function exact({ record, exitCode }: Ran): void {
  for (const kind of WRONGS) expect(record.state.accounting![kind], kind).toBe(0)
  expect(record.state.settle?.drained).toBe(true)
  expect([0, 4, 6]).toContain(exitCode)
}

test('a slow database, clients cut off from Redis, and replies of the API that never come: each ends, and nothing is lost', async () => {
  await using result = await ran({ duration: '12', rate: '50', fault: ['latency:postgres=150ms±50ms@2s+3s', 'partition:postgres@6s+2s', 'reset:redis@3s', 'reset-reply:api=50%@9s+1s'] })
  exact(result)
  expect(result.record.run.links).toEqual(['postgres', 'redis', 'api'])
  expect(result.record.state.faults.map(({ fault, service, healedAtMs }) => `${fault} ${service} ${healedAtMs === undefined ? '' : 'healed'}`)).toEqual(
    ['latency postgres healed', 'reset redis healed', 'partition postgres healed', 'reset-reply api healed'])
  // The worker's statements wait; what is stored is late by at least what was asked for.
  expect(result.record.state.accounting!.stored).toBeGreaterThan(0)
  expect(Object.keys(result.record.samples.at(-1)!.services)).toEqual(expect.arrayContaining(['postgres-link', 'redis-link', 'api-link']))
  const cut = result.record.samples.at(-1)!.counts.events
  expect(cut.rejected + cut.unknown).toBeGreaterThan(0)
})

test('interrupted in the middle of it: nothing is left', async () => {
  const stop = new AbortController()
  await using result = await ran({ duration: '20', rate: '20', fault: ['partition:postgres@1s+60s', 'timeout:redis@1s+60s'] }, stop.signal, (event) => {
    if (event.type === 'fault-injected') setTimeout(() => stop.abort(INTERRUPTED), 500)
  })
  expect(result.exitCode).toBe(130)
  expect(processesOf(result.record.run.runId)).toEqual([])
})
