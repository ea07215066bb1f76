import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import { observingEnv, observingFiles } from '../../../src/experiment/observing.ts'
import { composeFiles, loadArchitecture } from '../../../src/experiment/plan.ts'
import { waysOf } from '../../../src/reports/stages.ts'
import { createDocker } from '../../../src/runtime/docker/docker.ts'
import { connectEngine } from '../../../src/runtime/docker/engine.ts'
import type { Span } from '../../../src/system/tracing/span.ts'
import { LONG, PATIENCE_MS, startEngine } from '../../docker/engine.ts'

/** The overlay in containers, with a stand-in for Prometheus; for Grafana, Loki and Tempo there is none. */
const started = LONG ? await startEngine() : 'npm run test:docker'
const engine = typeof started === 'string' ? undefined : started
const folder = mkdtempSync(join(tmpdir(), 'docker-observe-'))
afterAll(async () => {
  await engine?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})
if (engine) Object.assign(process.env, engine.env, { LAB_PROMETHEUS_IMAGE: 'load-lab-test/prometheus:2.42' })

describe.skipIf(!engine)(`observability in containers${typeof started === 'string' ? ` (skipped: ${started})` : ''}`, { timeout: PATIENCE_MS }, () => {
  test('Prometheus finds every replica by name, and the collector has the spans of all services', async () => {
    await promisify(execFile)(fileURLToPath(new URL('../../images/build.sh', import.meta.url)), ['prometheus'], { env: process.env, timeout: PATIENCE_MS })
    const { socket } = engine!
    const runtime = createDocker(await connectEngine({ url: `unix://${socket}`, from: 'the test', transport: { kind: 'unix', path: socket } }, new AbortController().signal))
    await using system = await runtime.up({
      runId: `observed-${process.pid}`,
      files: [...composeFiles(await loadArchitecture('v2')), ...observingFiles(true)],
      env: { ...observingEnv('docker', 1), LAB_API: '2' },
      without: ['grafana', 'loki', 'tempo'],
      logDir: join(folder, 'logs'),
      signal: new AbortController().signal,
      on: () => undefined,
    })
    for (let n = 0; n < 10; n += 1) {
      const order = { id: randomUUID(), type: 'order_placed', store: 'store-01', product: 'latte', amount: 3.5, timestamp: new Date().toISOString() }
      const reply = await fetch(`${system.apiUrl}/api/v2/order`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(order) })
      expect(reply.status).toBe(202)
    }
    const collector = `http://${system.env.OTLP_HOST}:${system.env.OTLP_PORT}`
    await fetch(`${collector}/run-metrics`, { method: 'PUT', body: 'lab_backlog_events{run="r"} 7\n' })
    const asked = async (query: string) => {
      const reply = await fetch(`http://${system.env.PROMETHEUS_HOST}:${system.env.PROMETHEUS_PORT}/api/v1/query?query=${encodeURIComponent(query)}`)
      return ((await reply.json()) as { data: { result: { metric: Record<string, string>; value: [number, string] }[] } }).data.result
    }
    const up = async () => (await asked('up')).map(({ metric, value }) => `${metric.service} ${value[1]}`).sort()
    await expect.poll(up, { timeout: 60_000, interval: 1_000 }).toEqual(['api 1', 'api 1', 'collector 1', 'worker 1'])
    await expect.poll(async () => (await asked('sum(lab_events_stored_total)'))[0]?.value[1], { timeout: 30_000, interval: 1_000 }).toBe('10')
    // A scrape that a busy machine misses takes what it told away until the next.
    await expect.poll(async () => (await asked('lab_backlog_events'))[0], { timeout: 30_000, interval: 1_000 }).toMatchObject({ metric: { run: 'r', service: 'collector' }, value: [expect.anything(), '7'] })

    const spans = (await (await fetch(`${collector}/spans`)).text()).split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Span)
    const { complete, incomplete } = waysOf(spans)
    expect({ complete: complete.length, incomplete }).toEqual({ complete: 10, incomplete: 0 })
    expect(Object.keys(complete[0]!.stages)).toEqual(['receive', 'validate', 'publish', 'wait', 'gather', 'store', 'project'])
  })
})
