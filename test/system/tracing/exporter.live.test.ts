import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { forgetMetrics, renderOwnMetrics } from '../../../src/system/metrics.ts'
import { DROPPED_HEADER, startCollector } from '../../../src/system/tracing/collector.ts'
import { createExporter, post, type UnsentSpan } from '../../../src/system/tracing/exporter.ts'
import { encodeSpans } from '../../../src/system/tracing/otlp.ts'
import type { Span } from '../../../src/system/tracing/span.ts'

/** Exporter and collector over real sockets. */
const span = (n: number): UnsentSpan => ({ traceId: n.toString(16).padStart(32, '1'), spanId: 'b'.repeat(16), name: 'store', kind: 'internal', fromMs: n, toMs: n + 1 })
const metric = async (name: string) => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(await renderOwnMetrics())?.[1])
const quiet = () => undefined

afterEach(forgetMetrics)

test('what is sent before the end arrives, once, and is handed out once', async () => {
  await using collector = await startCollector({ OTLP_PORT: '0' }, quiet)
  const url = `http://127.0.0.1:${collector.port}`
  {
    await using exporter = createExporter(`${url}/v1/traces`, 'api', 'api-1', quiet)
    for (let n = 0; n < 2_500; n += 1) exporter.add(span(n))
  }
  const spans = (await (await fetch(`${url}/spans`)).text()).trim().split('\n').map((line) => JSON.parse(line) as Span)
  expect(spans.map(({ fromMs, service }) => [fromMs, service])).toEqual(Array.from({ length: 2_500 }, (_, n) => [n, 'api']))
  expect(await (await fetch(`${url}/spans`)).text()).toBe('')
  expect(await metric('lab_spans_exported_total')).toBe(2_500)
})

test('what finds no room is dropped and counted, and the end is not held up by a collector that is away', async () => {
  const lines: string[] = []
  const away = createServer().listen(0, '127.0.0.1')
  await once(away, 'listening')
  const { port } = away.address() as AddressInfo
  away.close()
  {
    await using exporter = createExporter(`http://127.0.0.1:${port}/v1/traces`, 'api', 'api-1', (line) => lines.push(line))
    for (let n = 0; n < 20_100; n += 1) exporter.add(span(n))
    expect(await metric('lab_spans_dropped_total')).toBe(100)
  }
  expect(await metric('lab_spans_dropped_total')).toBe(20_100)
  expect(lines).toHaveLength(1)
})

test('the collector says how many were dropped, here and by those who send, and refuses what it cannot read', async () => {
  await using collector = await startCollector({ OTLP_PORT: '0' }, quiet)
  const url = `http://127.0.0.1:${collector.port}`
  expect(await post(`${url}/v1/traces`, encodeSpans('api', { instance: 'a', dropped: 4 }, [span(1)]))).toBeUndefined()
  expect(await post(`${url}/v1/traces`, encodeSpans('api', { instance: 'a', dropped: 6 }, [span(2)]))).toBeUndefined()
  expect(await post(`${url}/v1/traces`, encodeSpans('worker', { instance: 'w', dropped: 1 }, []))).toBeUndefined()
  expect((await fetch(`${url}/spans`)).headers.get(DROPPED_HEADER)).toBe('7')
  expect(await post(`${url}/v1/traces`, 'x', undefined, 'application/x-protobuf')).toContain('415')
  expect(await post(`${url}/v1/traces`, '{"resourceSpans":7}')).toContain('400')
  expect(await post(`${url}/elsewhere`, '{}')).toContain('404')
})

test('with a store of traces every span goes on to it, and one that is away is counted', async () => {
  const bodies: string[] = []
  const store = createServer((request, response) => {
    request.setEncoding('utf8').on('data', (text: string) => bodies.push(`${request.url} ${text}`)).on('end', () => response.end('{}'))
  }).listen(0, '127.0.0.1')
  await once(store, 'listening')
  const { port } = store.address() as AddressInfo
  await using collector = await startCollector({ OTLP_PORT: '0', LAB_FORWARD_OTLP: `http://127.0.0.1:${port}/` }, quiet)
  const body = encodeSpans('api', { instance: 'a', dropped: 0 }, [span(1)])
  await post(`http://127.0.0.1:${collector.port}/v1/traces`, body)
  await expect.poll(() => bodies).toEqual([`/v1/traces ${body}`])
  store.close()
  store.closeAllConnections()
  await post(`http://127.0.0.1:${collector.port}/v1/traces`, body)
  await expect.poll(() => metric('lab_spans_not_forwarded_total')).toBe(1)
})
