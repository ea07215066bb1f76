import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ComposeService } from '../../src/runtime/compose.ts'
import { ServiceFailed } from '../../src/runtime/errors.ts'
import { createLives, type Exit, type Life, type Lives } from '../../src/runtime/lives.ts'
import type { RuntimeEvent } from '../../src/runtime/runtime.ts'

/** What a replica is told to be, and what it says; its body is moved by hand. */
interface Hand {
  lives: Lives
  /** What it told, in short. */
  told: string[]
  /** Ends the life that there is, as the kernel or an engine would say. */
  end(exit?: Partial<Exit>): Promise<void>
  begun: number
  isReady: boolean
  failing: boolean
}

const SERVICE = { name: 's', replicas: 1, restart: { policy: 'on-failure' }, oneShot: false } as unknown as ComposeService

function inHand(service: Partial<ComposeService> = {}): Hand {
  const hand: Hand = { lives: undefined as unknown as Lives, told: [], begun: 0, isReady: true, failing: false, end: async () => undefined }
  let living: Life | undefined
  hand.end = async (exit = {}) => {
    const life = living
    living = undefined
    if (life) await hand.lives.ended(life, { code: null, signal: null, ...exit })
  }
  hand.lives = createLives({
    service: { ...SERVICE, ...service }, replica: 1, readyWithinMs: 1_000, readyPollMs: () => 5, versionIn: /(server) (\d+)/,
    emit: (event) => hand.told.push(inShort(event)),
    prepare: async () => undefined,
    async begin(life) {
      if (hand.failing) throw new Error('it cannot')
      expect(living, 'one life at a time').toBeUndefined()
      hand.begun += 1
      life.pid = hand.begun
      living = life
    },
    isReady: async () => hand.isReady,
    onReady: () => undefined,
    kill: () => hand.end({ signal: 'SIGKILL' }),
    drained: () => undefined,
    lastLines: () => [],
    failed: (what) => new ServiceFailed('s', what, [], 'log'),
  })
  return hand
}

function inShort(event: RuntimeEvent): string {
  if (event.type === 'service-exited') return `exited ${event.code ?? event.signal}${event.expected ? ' expected' : ''}${event.willRestart ? ' restarts' : ''}`
  if (event.type === 'service-ready') return `ready${event.version === undefined ? '' : ` ${event.version}`}`
  return event.type === 'service-restarted' ? `restarted ${event.attempt}` : event.type.replace('service-', '')
}

const signal = (): AbortSignal => new AbortController().signal

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
afterEach(() => void vi.useRealTimers())

describe('the lives of a replica', () => {
  it('started, found ready once, with the version it printed', async () => {
    const { lives, told } = inHand()
    await lives.launch()
    lives.heard('this is server 7 speaking')
    await Promise.all([lives.ready(signal()), lives.ready(signal())])
    expect(told).toEqual(['started', 'ready Server 7'])
  })

  it('a crash: brought back after 100 ms, as its policy says', async () => {
    const hand = inHand()
    await hand.lives.launch()
    await hand.end({ code: 1 })
    await vi.advanceTimersByTimeAsync(99)
    expect(hand.begun).toBe(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(hand.begun).toBe(2)
    expect(hand.told).toEqual(['started', 'exited 1 restarts', 'restarted 1', 'started', 'ready'])
  })

  it('killed by a fault: expected, and brought back all the same; with `hold` it stays away until it is started', async () => {
    const hand = inHand()
    await hand.lives.launch()
    expect(await hand.lives.kill()).toEqual({ willRestart: true })
    await vi.advanceTimersByTimeAsync(100)
    expect(await hand.lives.kill({ hold: true })).toEqual({ willRestart: false })
    await vi.advanceTimersByTimeAsync(60_000)
    expect(hand.begun).toBe(2)
    await hand.lives.start()
    expect(hand.told.slice(-4)).toEqual(['ready', 'exited SIGKILL expected', 'started', 'ready'])
  })

  it.each<[string, Partial<ComposeService>, Partial<Exit>, string]>([
    ['a success is no reason to restart', {}, { code: 0 }, 'exited 0'],
    ['a one-shot that succeeds is over', { oneShot: true, restart: { policy: 'always' } }, { code: 0 }, 'exited 0 expected'],
    ['what it ran on is gone: nobody can restart it', { restart: { policy: 'always' } }, {}, 'exited null'],
    ['its policy is no', { restart: { policy: 'no' } }, { signal: 'SIGSEGV' }, 'exited SIGSEGV'],
  ])('%s', async (_, service, exit, said) => {
    const hand = inHand(service)
    await hand.lives.launch()
    await hand.end(exit)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(hand.told).toEqual(['started', said])
  })

  it('crashes again and again: given up after ten restarts in a row, said to who waits', async () => {
    const hand = inHand()
    hand.isReady = false
    await hand.lives.launch()
    for (let death = 0; death <= 10; death += 1) {
      await hand.end({ code: 3 })
      await vi.advanceTimersByTimeAsync(5_000)
    }
    expect(hand.begun).toBe(11)
    await expect(hand.lives.ready(signal())).rejects.toThrow(/ended by itself with exit code 3/)
  })

  it('what has run for 10 s starts counting anew', async () => {
    const hand = inHand({ restart: { policy: 'on-failure', max: 1 } })
    await hand.lives.launch()
    for (let death = 0; death < 3; death += 1) {
      await vi.advanceTimersByTimeAsync(10_000)
      await hand.end({ code: 1 })
      await vi.advanceTimersByTimeAsync(100)
    }
    expect(hand.begun).toBe(4)
    await hand.end({ code: 1 })
    await vi.advanceTimersByTimeAsync(100)
    await hand.end({ code: 1 })
    expect(hand.told.at(-1)).toBe('exited 1')
  })

  it('an end that is told before the start is known: an exit after it, once', async () => {
    const hand = inHand()
    const { lives, told } = hand
    const launched = lives.launch()
    await Promise.resolve()
    await hand.end({ code: 1 })
    await launched
    expect(told.slice(0, 2)).toEqual(['started', 'exited 1 restarts'])
  })

  it('discarded in the middle: what ends then is not brought back', async () => {
    const hand = inHand()
    await hand.lives.launch()
    hand.lives.discard()
    await hand.end({ code: 1 })
    expect(hand.told.at(-1)).toBe('exited 1')
  })

  it('CPU adds up over lives, and never goes back within one', async () => {
    const hand = inHand()
    await hand.lives.launch()
    expect([2, 5, 4].map((seconds) => hand.lives.cpuSeconds(seconds))).toEqual([2, 5, 5])
    await hand.end({ code: 1 })
    expect(hand.lives.cpuSeconds()).toBe(5)
    await vi.advanceTimersByTimeAsync(100)
    expect(hand.lives.cpuSeconds(1)).toBe(6)
  })

  it('whatever comes in whatever order: every start has one end, and nothing lives once it is discarded', async () => {
    const doing: Record<string, (hand: Hand) => unknown> = {
      crash: (hand) => hand.end({ code: 1 }),
      leave: (hand) => hand.end({ code: 0 }),
      kill: (hand) => hand.lives.kill(),
      hold: (hand) => hand.lives.kill({ hold: true }),
      launch: (hand) => hand.lives.launch().catch(() => undefined),
      start: (hand) => hand.lives.start().catch(() => undefined),
      deaf: (hand) => (hand.isReady = !hand.isReady),
      fail: (hand) => (hand.failing = !hand.failing),
    }
    const step = fc.record({ what: fc.constantFrom(...Object.keys(doing)), waitMs: fc.constantFrom(0, 20, 150, 3_000, 20_000) })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        const hand = inHand()
        for (const { what, waitMs } of steps) {
          void doing[what]!(hand)
          await vi.advanceTimersByTimeAsync(waitMs)
        }
        hand.lives.discard()
        const life = hand.lives.letGo()
        await vi.advanceTimersByTimeAsync(10)
        if (await life) await hand.end({ signal: 'SIGKILL' })
        await vi.advanceTimersByTimeAsync(60_000)
        const order = hand.told.filter((told) => told === 'started' || told.startsWith('exited')).map((told) => told.split(' ')[0])
        expect(order).toEqual(order.map((_, index) => (index % 2 === 0 ? 'started' : 'exited')))
        expect(order.length % 2).toBe(0)
        await hand.lives.launch().catch(() => undefined)
        expect(hand.lives.current()).toBeUndefined()
        await expect(hand.lives.start()).rejects.toThrow(/taken down/)
      }),
      { numRuns: 200 },
    )
  })
})
