import { expect, test } from 'vitest'
import { parseFault, type Fault } from '../../src/faults/fault.ts'
import { playFaults, type Clock, type FaultEvent } from '../../src/faults/timeline.ts'
import type { RunningService } from '../../src/runtime/runtime.ts'

/** Time that moves only when it is told to. */
function handClock(): Clock & { to(ms: number): Promise<void> } {
  let nowMs = 0
  const waiting = new Set<{ atMs: number; wake(value: boolean): void }>()
  return {
    nowMs: () => nowMs,
    wait: (ms, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve(false)
        const one = { atMs: nowMs + ms, wake: resolve }
        waiting.add(one)
        signal.addEventListener('abort', () => resolve(false), { once: true })
      }),
    async to(ms) {
      for (;;) {
        await settled()
        const [next] = [...waiting].filter(({ atMs }) => atMs <= ms).sort((a, b) => a.atMs - b.atMs)
        if (!next) break
        waiting.delete(next)
        nowMs = Math.max(nowMs, next.atMs)
        next.wake(true)
      }
      nowMs = ms
    },
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

function play(texts: string[], options: { pid?: number; start?: Fault['start']; isHealed?: () => boolean } = {}) {
  const clock = handClock()
  const told: string[] = []
  const broken = new Set<string>()
  const stop = new AbortController()
  const service = (name: string) => ({ service: name, replica: 1, pid: 'pid' in options ? options.pid : 7 }) as RunningService
  const start: Fault['start'] =
    options.start ??
    (async ({ service: name }) => {
      broken.add(name)
      return { [Symbol.asyncDispose]: async () => void broken.delete(name) }
    })
  const failed: unknown[] = []
  const timeline = playFaults({
    planned: texts.map((text) => {
      const parsed = parseFault(text)
      if (!parsed.ok) throw new Error(parsed.says)
      return options.isHealed ? { ...parsed.fault, whenHealed: true } : parsed.fault
    }),
    services: () => ['api', 'redis'].map(service),
    startAtMs: 0,
    signal: stop.signal,
    emit: (event: FaultEvent) => told.push(event.type === 'note' ? event.says : `${clock.nowMs()} ${event.fault} ${event.service} ${event.type}`),
    isHealed: options.isHealed,
    fail: (error) => failed.push(error),
    faults: { kill: { says: '', start }, pause: { says: '', start } },
    clock,
  })
  return { clock, told, broken, stop, timeline, failed }
}

test('each fault begins at its second and ends after its time', async () => {
  const { clock, told, timeline } = play(['pause:redis@20s+5s', 'kill:api@22s'])
  await clock.to(60_000)
  expect(told).toEqual(['20000 pause redis fault-injected', '22000 kill api fault-injected', '22000 kill api fault-healed', '25000 pause redis fault-healed'])
  await timeline[Symbol.asyncDispose]()
})

test('what is broken when the load ends is healed then, what was not due never happens', async () => {
  const { clock, told, broken, timeline } = play(['pause:redis@5s+60s', 'kill:api@30s'])
  await clock.to(10_000)
  expect(broken).toEqual(new Set(['redis']))
  await timeline[Symbol.asyncDispose]()
  expect(broken).toEqual(new Set())
  expect(told).toEqual(['5000 pause redis fault-injected', '10000 pause redis fault-healed'])
})

test('an interruption heals at once', async () => {
  const { clock, told, broken, stop, timeline } = play(['pause:redis@5s+60s'])
  await clock.to(6_000)
  stop.abort()
  await settled()
  expect(broken).toEqual(new Set())
  expect(told.at(-1)).toBe('6000 pause redis fault-healed')
  await timeline[Symbol.asyncDispose]()
})

test('a fault that comes while another one breaks is itself healed when the run ends', async () => {
  const begun = Promise.withResolvers<AsyncDisposable>()
  let healed = 0
  const { clock, timeline } = play(['pause:redis@5s+60s'], { start: () => begun.promise })
  await clock.to(5_000)
  const over = timeline[Symbol.asyncDispose]()
  await settled()
  expect(healed).toBe(0)
  begun.resolve({ [Symbol.asyncDispose]: async () => void (healed += 1) })
  await over
  expect(healed).toBe(1)
})

test('a service that is not running cannot be broken: said, and the run goes on', async () => {
  const { clock, told, timeline } = play(['kill:api@5s'], { pid: undefined })
  await clock.to(10_000)
  await timeline[Symbol.asyncDispose]()
  expect(told).toEqual(['fault kill:api@5s was not injected: api 1 was not running'])
})

test('a fault that fails is told at once; the others are healed all the same', async () => {
  let healed = 0
  const { clock, timeline, failed } = play(['pause:redis@1s+60s', 'kill:api@2s'], {
    async start({ service }) {
      if (service === 'api') throw new Error('api does not come back')
      return { [Symbol.asyncDispose]: async () => void (healed += 1) }
    },
  })
  await clock.to(3_000)
  expect(failed).toEqual([new Error('api does not come back')])
  expect(healed).toBe(0)
  await timeline[Symbol.asyncDispose]()
  expect(healed).toBe(1)
})

test('while the system goes down, what cannot be healed any more is no failure', async () => {
  const { clock, stop, timeline, failed } = play(['kill:api@2s+5s'], {
    start: async () => ({ [Symbol.asyncDispose]: () => Promise.reject(new Error('is being taken down')) }),
  })
  await clock.to(3_000)
  stop.abort()
  await timeline[Symbol.asyncDispose]()
  expect(failed).toEqual([])
})

test('one that waits for a healed system begins when it is, and the next after it', async () => {
  let healed = false
  const { clock, told, timeline } = play(['pause:redis@20s+5s', 'kill:api@22s'], { isHealed: () => healed })
  await clock.to(30_000)
  expect(told).toEqual([])
  healed = true
  await clock.to(60_000)
  expect(told.map((line) => line.replace(/^\d+ /, ''))).toEqual(['pause redis fault-injected', 'pause redis fault-healed', 'kill api fault-injected', 'kill api fault-healed'])
  const [paused, resumed, killed] = told.map((line) => Number(line.split(' ')[0]))
  expect(paused).toBeGreaterThanOrEqual(30_000)
  expect(killed).toBeGreaterThanOrEqual(resumed!)
  await timeline[Symbol.asyncDispose]()
})

test('what waits for a healed system when the load ends never happens, nor what waits for that', async () => {
  const { clock, told, timeline } = play(['pause:redis@20s+5s', 'kill:api@22s'], { isHealed: () => false })
  await clock.to(40_000)
  await timeline[Symbol.asyncDispose]()
  expect(told).toEqual([])
})
