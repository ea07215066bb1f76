import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { perform } from '../../src/load/conductor.ts'
import type { InjectorSnapshot, LoadPlan } from '../../src/load/control.ts'
import { startApi, type Api } from '../../src/system/api.ts'
import type { Architecture, Backend } from '../../src/system/architecture.ts'
import { loadArchitecture } from '../../src/system/architectures/index.ts'
import { createContext } from '../../src/system/context.ts'
import { recycleConnections } from '../../src/system/recycling.ts'

const memory = await loadArchitecture('null')

/** One API replica of an architecture that keeps all in memory; its backend takes a moment, so that requests are under way at any time. */
async function replica(port: number, autoscale: 'on' | 'off'): Promise<Api & { accepted(): number }> {
  let accepted = 0
  const slow: Architecture = {
    ...memory,
    async api(context): Promise<Backend> {
      const backend = await memory.api(context)
      return { ...backend, async publish(orders) {
        await sleep(2)
        accepted += orders.length
        await backend.publish(orders)
      } }
    },
  }
  const context = createContext({ env: {}, knobs: { payload: 'full', autoscale }, signal: new AbortController().signal })
  return { ...(await startApi(slow, context, { host: '127.0.0.1', port }, { recycleAfterMs: 100, exposed: false })), accepted: () => accepted }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

const load = (port: number, seconds: number): LoadPlan => ({
  baseUrl: `http://127.0.0.1:${port}`, path: '/api/null', headers: {}, seed: 1, runTag: 2, injector: 0, startAtMs: Date.now() + 50,
  customers: { commuter: 0.9, office: 0.05, browser: 0.05 }, phases: [{ name: 'c', durationMs: seconds * 1_000, shape: { kind: 'constant', rate: 800 } }],
  connections: 64, maxOpen: 10_000, timeoutMs: 5_000, retries: 0,
})

async function play(plan: LoadPlan, meanwhile: () => Promise<void> = async () => undefined): Promise<InjectorSnapshot> {
  const performing = perform(plan)
  await Promise.all([performing.done, meanwhile()])
  return performing.snapshot({ loopDelayP99Ms: 0, cpuShare: 0, rssBytes: 0 })
}

function allWell({ events, reads, errors, connections }: InjectorSnapshot): void {
  expect(errors).toEqual({})
  expect(events).toMatchObject({ ok: events.scheduled, unknown: 0, rejected: 0, neverSent: 0 })
  expect(reads.ok).toBe(reads.scheduled)
  expect(connections.dropped).toBe(0)
}

test('connections are ended with an answer again and again: the injector opens others, and nothing is lost or unknown', async () => {
  const port = await freePort()
  const api = await replica(port, 'on')
  const last = await play(load(port, 3))
  allWell(last)
  expect(last.connections.opened).toBeGreaterThan(64)
  expect(api.accepted()).toBe(last.events.ok)
  await api[Symbol.asyncDispose]()
})

test('without autoscaling they stay', async () => {
  const port = await freePort()
  const api = await replica(port, 'off')
  const last = await play(load(port, 1))
  allWell(last)
  expect(last.connections.opened).toBeLessThanOrEqual(64)
  await api[Symbol.asyncDispose]()
})

test('in a closed loop, too', async () => {
  const port = await freePort()
  const api = await replica(port, 'on')
  const plan: LoadPlan = { ...load(port, 2), phases: [{ name: 's', durationMs: 2_000, shape: { kind: 'saturation', connections: 20 } }] }
  const performing = perform(plan)
  expect((await performing.done).invalid).toEqual([])
  const { events, connections } = performing.snapshot({ loopDelayP99Ms: 0, cpuShare: 0, rssBytes: 0 })
  expect(events).toMatchObject({ ok: events.scheduled, unknown: 0 })
  expect(events.ok).toBeGreaterThan(500)
  expect(connections.dropped).toBe(0)
  expect(api.accepted()).toBe(events.ok)
  await api[Symbol.asyncDispose]()
})

test('a new replica gets its share, and one that goes takes nothing with it', async () => {
  const port = await freePort()
  const first = await replica(port, 'on')
  let second: Awaited<ReturnType<typeof replica>> | undefined
  const last = await play(load(port, 6), async () => {
    await sleep(500)
    second = await replica(port, 'on')
    await sleep(1_500)
    await second[Symbol.asyncDispose]()
  })
  allWell(last)
  expect(second!.accepted()).toBeGreaterThan(200)
  expect(first.accepted() + second!.accepted()).toBe(last.events.ok)
  await first[Symbol.asyncDispose]()
})

test('a drained server ends although a client keeps a connection', async () => {
  const { createServer: createHttp, get, Agent } = await import('node:http')
  const server = createHttp((_, response) => response.end('x'))
  const { drain } = recycleConnections(server, 60_000)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const agent = new Agent({ keepAlive: true })
  const { port } = server.address() as { port: number }
  await new Promise<void>((resolve) => get({ port, agent }, (reply) => reply.resume().on('end', resolve)))
  const began = performance.now()
  await drain(300)
  expect(performance.now() - began).toBeGreaterThan(250)
  agent.destroy()
  server.closeAllConnections()
})
