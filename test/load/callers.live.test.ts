import { createServer, type AddressInfo, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { callerPicker } from '../../src/load/callers.ts'
import { perform } from '../../src/load/conductor.ts'
import type { LoadPlan } from '../../src/load/control.ts'
import { parseOrderId } from '../../src/load/order-id.ts'
import { decodeHistogram } from '../../src/measure/histogram.ts'
import { idsIn, requestReader } from '../../src/selftest/request-reader.ts'

const ACCEPTED = 'HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}'
const TOO_MANY = 'HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\n{}'
const CALLERS = [{ share: 6, headers: { 'X-Customer': 'a' } }, { share: 3, headers: { 'X-Customer': 'b' } }, { share: 1, headers: { 'X-Customer': 'c' } }]
let close: () => void = () => undefined
afterEach(() => close())

/** Answers every request, and returns what it was sent. */
async function serve(answer: (text: string) => string): Promise<{ url: string; requests: string[] }> {
  const requests: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    const read = requestReader()
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      for (const { text } of read(chunk)) {
        requests.push(text)
        socket.write(answer(text))
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  close = () => {
    sockets.forEach((socket) => socket.destroy())
    server.close()
  }
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests }
}

function planFor(baseUrl: string, more: Partial<LoadPlan>): LoadPlan {
  return {
    baseUrl, path: '/api/v1', headers: {}, callers: CALLERS, seed: 9, runTag: 5, injector: 0, startAtMs: Date.now() + 50, customers: { commuter: 1 },
    phases: [{ name: 'constant', durationMs: 500, shape: { kind: 'constant', rate: 600 } }], connections: 20, maxOpen: 1_000, timeoutMs: 2_000, retries: 0, ...more,
  }
}

const customerOf = (request: string) => /\r\nX-Customer: (\w+)\r\n/i.exec(request)?.[1]

/** Every order carries the name that seed, source and sequence of its first event give it. */
function expectOwnNames(requests: readonly string[]): void {
  const pick = callerPicker(CALLERS, 9)
  for (const request of requests) {
    const { source, sequence } = parseOrderId(idsIn(request)[0]!)!
    expect(customerOf(request)).toBe(CALLERS[pick(source, sequence)]!.headers['X-Customer'])
  }
}

test('the open loop sends the headers of each caller, by share, those of office orders and reads as well', async () => {
  const { url, requests } = await serve(() => ACCEPTED)
  await perform(planFor(url, { customers: { commuter: 8, office: 1, browser: 1, analyst: 1 } })).done
  expect(requests.length).toBe(300)
  expectOwnNames(requests.filter((request) => request.startsWith('POST')))
  expect(requests.filter((request) => request.startsWith('GET')).map(customerOf)).not.toContain(undefined)
  const names = requests.map(customerOf)
  const most = names.filter((name) => name === 'a').length
  // 180 of 300 expected; five standard deviations are 42.
  expect(Math.abs(most - 180)).toBeLessThan(42)
  expect(names).toContain('c')
})

test('the closed loop as well', async () => {
  const { url, requests } = await serve(() => ACCEPTED)
  await perform(planFor(url, { phases: [{ name: 'saturation', durationMs: 300, shape: { kind: 'saturation', connections: 4 } }] })).done
  expect(requests.length).toBeGreaterThan(20)
  expectOwnNames(requests)
  expect(new Set(requests.map(customerOf)).size).toBe(3)
})

test('429 is a refusal: counted as rejected, and never tried again, whatever it says of later', async () => {
  const { url, requests } = await serve((text) => (customerOf(text) === 'a' ? TOO_MANY : ACCEPTED))
  const performing = perform(planFor(url, { retries: 3 }))
  await performing.done
  const { events, errors, retries } = performing.snapshot({ loopDelayP99Ms: 0, cpuShare: 0, rssBytes: 0 })
  const refused = requests.filter((request) => customerOf(request) === 'a').length
  expect(requests.length).toBe(300)
  expect(events).toMatchObject({ scheduled: 300, rejected: refused, ok: 300 - refused, unknown: 0 })
  expect(errors).toEqual({ '429': refused })
  expect(retries).toBe(0)
})

test('a phase with customers of its own: only they come while it is on', async () => {
  const { url, requests } = await serve(() => ACCEPTED)
  const phase = (name: string, customers?: LoadPlan['customers']) => ({ name, durationMs: 200, shape: { kind: 'constant' as const, rate: 200 }, ...(customers && { customers }) })
  await perform(planFor(url, { callers: [], phases: [phase('all'), phase('reads', { browser: 1 }), phase('both', { commuter: 1, analyst: 1 })] })).done
  const of = (start: string) => requests.filter((request) => request.startsWith(start)).length
  expect(requests.length).toBe(120)
  expect(of('GET /api/dashboard')).toBe(40)
  expect(of('POST') + of('GET /api/analytics')).toBe(80)
  expect(of('POST')).toBeGreaterThan(40)
  expect(of('GET /api/analytics')).toBeGreaterThan(0)
  expect(requests.some((request) => customerOf(request) !== undefined)).toBe(false)
})

test('groups are told apart in a noisy phase: each with its own outcomes and latencies', async () => {
  const callers = CALLERS.map((caller, i) => ({ ...caller, noisy: i === 2 }))
  const { url, requests } = await serve((text) => (customerOf(text) === 'c' ? TOO_MANY : ACCEPTED))
  const phase = (name: string, noisyShare?: number) => ({ name, durationMs: 300, shape: { kind: 'constant' as const, rate: 500 }, ...(noisyShare !== undefined && { noisyShare }) })
  const performing = perform(planFor(url, { callers, phases: [phase('calm'), phase('noisy', 0.8)] }))
  await performing.done
  const { series } = performing.snapshot({ loopDelayP99Ms: 0, cpuShare: 0, rssBytes: 0 })
  const [calm, noisy] = series.map(({ groups, noisyLatency, othersLatency }) => ({ groups: groups!, noisy: decodeHistogram(noisyLatency!).totalCount, others: decodeHistogram(othersLatency!).totalCount }))
  const refused = requests.filter((request) => customerOf(request) === 'c').length
  expect(calm!.groups.noisy.limited + noisy!.groups.noisy.limited).toBe(refused)
  expect(noisy!.groups.noisy.limited).toBeGreaterThan(90)
  expect(calm!.groups.noisy.limited).toBeLessThan(40)
  for (const { groups, ...histograms } of [calm!, noisy!]) {
    expect(groups.noisy).toEqual({ scheduled: histograms.noisy, ok: 0, rejected: histograms.noisy, unknown: 0, neverSent: 0, limited: histograms.noisy })
    expect(groups.others).toEqual({ scheduled: histograms.others, ok: histograms.others, rejected: 0, unknown: 0, neverSent: 0, limited: 0 })
    expect(histograms.noisy + histograms.others).toBe(150)
  }
})
