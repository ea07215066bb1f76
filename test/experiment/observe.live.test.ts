import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { startObserver, type Observer } from '../../src/experiment/observe.ts'
import { observingEnv, observingFiles } from '../../src/experiment/observing.ts'
import { composeFiles, loadArchitecture } from '../../src/experiment/plan.ts'
import { waysOf } from '../../src/reports/stages.ts'
import type { RunEvent } from '../../src/run/events.ts'
import { readSpans, TRACES_FILE } from '../../src/run/traces.ts'
import { local } from '../../src/runtime/local/local.ts'
import type { System } from '../../src/runtime/runtime.ts'
import { samplingOf, traceIdOf } from '../../src/system/tracing/sampling.ts'
import { sampleAt } from '../reports/records.ts'

/** v2 as processes, with collector and Prometheus beside it: every event is traced, and the real servers are asked what they saw. */
const folder = mkdtempSync(join(tmpdir(), 'observe-'))
const events: object[] = []
let system: System
let observer: Observer
let sampled: NodeJS.Timeout

beforeAll(async () => {
  system = await local.up({
    runId: `observe-${process.pid}`,
    files: [...composeFiles(await loadArchitecture('v2')), ...observingFiles(true)],
    env: observingEnv('local', 2),
    logDir: join(folder, 'logs'),
    signal: new AbortController().signal,
    on: () => undefined,
  })
  const runFolder = { path: folder, stream: (name: string) => createWriteStream(join(folder, name)) } as never
  observer = startObserver({ system, folder: runFolder, emit: (event) => void events.push(event as RunEvent), runId: 'r1', oneIn: 2, cores: 2, lines: [] })
  sampled = setInterval(() => observer.sampled({ ...sampleAt(1), backlog: 7 }), 500)
})

afterAll(async () => {
  clearInterval(sampled)
  await observer[Symbol.asyncDispose]()
  await system[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

async function send(id: string, headers: Record<string, string> = {}): Promise<void> {
  const order = { id, type: 'order_placed', store: 'store-01', product: 'latte', amount: 3.5, timestamp: new Date().toISOString() }
  const reply = await fetch(`${system.apiUrl}/api/v2/order`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(order) })
  expect(reply.status).toBe(202)
  await reply.arrayBuffer()
}

async function asked(query: string): Promise<{ metric: Record<string, string>; value: [number, string] }[]> {
  const reply = await fetch(`http://${system.env.PROMETHEUS_HOST}:${system.env.PROMETHEUS_PORT}/api/v1/query?query=${encodeURIComponent(query)}`)
  return ((await reply.json()) as { data: { result: { metric: Record<string, string>; value: [number, string] }[] } }).data.result
}

test('events are followed from HTTP to the sockets; Prometheus finds every process, and what the lab tells of the run', async () => {
  const socket = new WebSocket(`${system.apiUrl.replace('http', 'ws')}/ws/dashboard`)
  await once(socket, 'open')
  const ids = Array.from({ length: 40 }, () => randomUUID())
  for (const id of ids) await send(id)
  const client = { trace: 'ab'.repeat(16), span: 'cd'.repeat(8) }
  const called = randomUUID()
  await send(called, { traceparent: `00-${client.trace}-${client.span}-01` })

  // Each of these is asked for every 2 s, in no order.
  const untilMs = Date.now() + 40_000
  const seen = async (name: string, value?: string) => (await asked(name)).some((one) => value === undefined || one.value[1] === value)
  while (Date.now() < untilMs) {
    if ((await seen('lab_events_accepted_total', '41')) && (await seen('lab_events_stored_total', '41')) && (await seen('lab_backlog_events')) && (await asked('up')).length === 3) break
    await sleep(500)
  }
  expect(await asked('lab_backlog_events{run="r1"}')).toMatchObject([{ value: [expect.anything(), '7'] }])
  expect(await asked('lab_events_stored_total')).toMatchObject([{ metric: { service: 'worker' }, value: [expect.anything(), '41'] }])
  expect(await asked('lab_events_accepted_total')).toMatchObject([{ metric: { service: 'api' }, value: [expect.anything(), '41'] }])
  expect((await asked('up')).map(({ metric, value }) => [metric.service, value[1]]).sort()).toEqual([['api', '1'], ['collector', '1'], ['worker', '1']])
  // By the name of the service that it is about: the rule for databases asks for it.
  expect(await asked('lab_service_cpu_ratio{service="postgres"}')).toMatchObject([{ value: [expect.anything(), '0.3'] }])
  expect(await asked('ALERTS')).toEqual([])

  socket.close()
  await observer.finish()
  const spans = (await readSpans(join(folder, TRACES_FILE)))!
  expect(events).toContainEqual({ type: 'traced', spans: spans.length, dropped: 0 })
  const { complete, incomplete, refused } = waysOf(spans)
  const sampling = samplingOf(1 / 2)
  expect(complete.map(({ id }) => id).sort()).toEqual([...ids, called].filter((id) => sampling.has(id)).sort())
  expect({ incomplete, refused }).toEqual({ incomplete: 0, refused: 0 })
  for (const { stages } of complete) expect(Object.keys(stages)).toEqual(['receive', 'validate', 'publish', 'wait', 'gather', 'store', 'project', 'push'])
  // In the trace of who sent it, sampled here or not: one span, a child of theirs, that leads to the event's.
  expect(spans.filter(({ traceId }) => traceId === client.trace)).toMatchObject([{ parentSpanId: client.span, service: 'api', kind: 'server', links: [{ traceId: traceIdOf(called) }] }])
  const batches = new Set(spans.filter(({ name }) => name === 'store batch').map(({ spanId }) => spanId))
  for (const { links } of spans.filter(({ name }) => name === 'store')) expect(batches).toContain(links![0]!.spanId)
})
