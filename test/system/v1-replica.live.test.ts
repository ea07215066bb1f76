import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { analyse } from '../../src/system/analytics.ts'
import type { AnalyticsQuery } from '../../src/system/architecture.ts'
import { knobs } from '../../src/system/architectures/v1-postgres-cron/knobs.ts'
import { createView, type View } from '../../src/system/architectures/v1-postgres-cron/read/view.ts'
import { createContext } from '../../src/system/context.ts'
import type { Order } from '../../src/system/event.ts'
import { drive, until, watch } from './client.ts'
import { randomOrders } from './orders.ts'
import { drained, startStack, type Stack } from './stack.ts'

const QUERY: AnalyticsQuery = { fromMs: Date.UTC(2021, 0, 1), toMs: Date.UTC(2025, 0, 1), by: 'store', asked: 'all' }

describe('replica=on', () => {
  let stack: Stack
  let view: View
  const orders: Order[] = []
  const replica = () => stack.system.services.find((it) => it.service === 'replica')!
  const write = async (count: number, seed: number) => {
    const more = randomOrders(count, seed, Date.now())
    orders.push(...more)
    const fates = await drive(`${stack.url}/api/v1`, more, { batch: 50, inFlight: 2 })
    expect(fates.ok.size).toBe(count)
  }
  /** Which of the two a read is computed by. */
  const computedBy = async () => {
    const { rows } = await view.reader.query<{ standby: boolean }>({ name: 'where', text: 'SELECT pg_is_in_recovery() AS standby' })
    return rows[0]!.standby ? 'replica' : 'primary'
  }
  const metric = async (name: string) => {
    const text = await (await fetch(`${stack.url}/metrics`)).text()
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
  }

  beforeAll(async () => {
    stack = await startStack('v1', { knobs: { replica: 'on', cache: 'off', payload: 'diff', interval: '200' } })
    const context = createContext({ env: stack.system.env, knobs: { ...knobs.parse({}), replica: 'on', cache: 'off' } as const, signal: new AbortController().signal })
    view = createView(context, 'test')
  })
  afterAll(async () => {
    await view[Symbol.asyncDispose]()
    await stack[Symbol.asyncDispose]()
  })

  it('reads come from the replica, and the sockets end at what is stored', async () => {
    using watcher = await watch(stack.url)
    await write(500, 61)
    const shown = await drained(stack.judge)
    await until('the end on the socket', () => watcher.latest()?.count === shown.count)
    expect(watcher.violations).toEqual([])
    expect(await computedBy()).toBe('replica')
    await until('the replica has all of it', async () => (await view.dashboard()).count === 500)
    expect(await view.analytics(QUERY)).toEqual(analyse(orders, QUERY))
    expect(view.reader.fallbacks()).toBe(0)
  })

  it.each(['kill', 'pause'] as const)('the primary answers while the replica is away (%s); the replica when it is back', async (fault) => {
    await until('its lag is known', async () => (await metric('lab_replica_lag_bytes')) === 0)
    const before = view.reader.fallbacks()
    await (fault === 'kill' ? replica().kill({ hold: true }) : replica().pause())
    try {
      expect(await computedBy()).toBe('primary')
      await write(50, fault === 'kill' ? 62 : 63)
      expect(await view.analytics(QUERY)).toEqual(analyse(orders, QUERY))
      expect(view.reader.fallbacks() - before).toBeGreaterThanOrEqual(2)
      await until('its lag grows', async () => (await metric('lab_replica_lag_bytes')) > 0 && (await metric('lab_replica_lag_seconds')) > 0)
    } finally {
      await (fault === 'kill' ? replica().start() : replica().resume())
    }
    await until('the replica answers', async () => (await computedBy()) === 'replica', 20_000)
    await until('it has caught up', async () => (await metric('lab_replica_lag_bytes')) === 0 && (await metric('lab_replica_lag_seconds')) === 0, 20_000)
    expect(await view.analytics(QUERY)).toEqual(analyse(orders, QUERY))
  })
})
