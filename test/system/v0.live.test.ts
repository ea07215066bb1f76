import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { Redis } from 'ioredis'
import { describe, expect, it } from 'vitest'
import { createOrderFile, openOrderWriter, orderFile } from '../../src/system/architectures/v0-redis-pubsub/file.ts'
import { ORDERS } from '../../src/system/architectures/v0-redis-pubsub/names.ts'
import { createContext } from '../../src/system/context.ts'
import type { Order } from '../../src/system/event.ts'
import { encodeOrders, RECORD_BYTES, STORE_AT } from '../../src/system/record.ts'
import { drive, post } from './client.ts'
import { expectedDashboard, randomOrders, wire, withoutMoment } from './orders.ts'
import { drained, startStack, storedOrders } from './stack.ts'

describe('the consumer of v0', () => {
  it('misses exactly what is published while it is away', async () => {
    await using stack = await startStack('v0')
    const consumer = stack.system.services.find((it) => it.service === 'consumer')!
    const [before, meanwhile, after] = [randomOrders(120, 31, Date.now()), randomOrders(70, 32, Date.now()), randomOrders(30, 33, Date.now())]
    const base = `${stack.url}/api/v0`
    const sendAll = async (orders: typeof before) => expect((await drive(base, orders, { inFlight: 8 })).ok.size).toBe(orders.length)
    await sendAll(before)
    // Stopped in its own way it stores what it holds.
    await consumer.stop()
    expect(await stack.judge.stored()).toBe(before.length)
    await sendAll(meanwhile)
    expect((await post(`${base}/orders`, JSON.stringify(meanwhile.slice(0, 5).map(wire)))).status).toBe(202)
    expect(await stack.judge.backlog(), 'accepted and not stored').toBe(meanwhile.length + 5)
    const metrics = await (await fetch(`${stack.url}/metrics`)).text()
    expect(metrics).toContain(`\nlab_events_unheard_total ${meanwhile.length + 5}\n`)
    await consumer.start()
    const shown = await drained(stack.judge)
    expect(shown.count, 'nothing of it comes back').toBe(before.length)
    await sendAll(after)
    await drained(stack.judge)
    const ids = (await storedOrders(stack.judge)).map((it) => it.id)
    expect(ids).toEqual(expect.arrayContaining([...before, ...after].map((it) => it.id)))
    expect(ids).toHaveLength(before.length + after.length)
    expect(stack.events.some((it) => it.type === 'log' && it.line.includes(`up to ${meanwhile.length + 5} events were published meanwhile and are lost`))).toBe(true)
    expect(withoutMoment(await stack.judge.dashboard())).toEqual(expectedDashboard([...before, ...after]))
  })
})

/** 2 MB and readers that overlap, for as long as the thread lives: there is never a moment in which nobody reads. */
const OVERLAPPING_READERS = `
const { DatabaseSync } = require('node:sqlite')
const { workerData, parentPort } = require('node:worker_threads')
const files = [0, 1].map(() => new DatabaseSync(workerData, { readOnly: true, timeout: 5_000 }))
const begin = (file) => { file.exec('BEGIN'); file.prepare('SELECT count(*) FROM orders WHERE seq < 2000').get() }
begin(files[0])
for (let turn = 1; turn < 100_000; turn++) {
  begin(files[turn % 2])
  files[(turn + 1) % 2].exec('COMMIT')
  if (turn === 2) parentPort.postMessage('reading')
}
`

describe('the file of v0, in service', () => {
  it('keeps its log short while somebody always reads', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'v0-'))
    const path = orderFile(folder)
    createOrderFile(path)
    const limitBytes = 2 * 1024 * 1024
    const writer = openOrderWriter(path, 'off', limitBytes)
    const readers = new Worker(OVERLAPPING_READERS, { eval: true, workerData: path })
    await new Promise((resolve) => readers.once('message', resolve))
    let longest = 0
    for (let i = 0; i < 1_000; i++) {
      writer.store(encodeOrders(randomOrders(20, 1_000 + i, Date.now())))
      longest = Math.max(longest, statSync(`${path}-wal`).size)
    }
    expect(longest).toBeGreaterThan(limitBytes)
    expect(longest).toBeLessThan(8 * limitBytes)
    await readers.terminate()
    writer[Symbol.dispose]()
    rmSync(folder, { recursive: true })
  })

  it('takes history past Redis, beside the load, and gives it all back; what is no record is left out', async () => {
    await using stack = await startStack('v0')
    const [history, live] = [randomOrders(45_000, 35, Date.now()), randomOrders(400, 36, Date.now())]
    async function* batches(): AsyncGenerator<Order[]> {
      for (let at = 0; at < history.length; at += 25_000) yield history.slice(at, at + 25_000)
    }
    const context = createContext({ env: stack.system.env, knobs: {}, signal: new AbortController().signal })
    const [, fates] = await Promise.all([
      stack.architecture.seed!(context, batches()),
      drive(`${stack.url}/api/v0`, live, { inFlight: 4, attempts: 20 }),
    ])
    expect(fates.ok.size).toBe(live.length)
    const redis = new Redis({ host: stack.system.env['REDIS_HOST']!, port: Number(stack.system.env['REDIS_PORT']) })
    const spoilt = encodeOrders(randomOrders(1, 37, Date.now()))
    spoilt[STORE_AT] = 99
    for (const message of [Buffer.from('not one of ours'), Buffer.concat([Buffer.from('000000000191', 'hex'), spoilt.subarray(0, RECORD_BYTES)])]) await redis.publish(ORDERS, message)
    expect((await redis.config('GET', 'client-output-buffer-limit') as string[])[1]).toContain(`pubsub ${256 * 1024 * 1024} 0 0`)
    redis.disconnect()
    const shown = await drained(stack.judge)
    expect(shown.count).toBe(history.length + live.length)
    expect(withoutMoment(shown)).toEqual(expectedDashboard([...history, ...live]))
    const ids = new Set((await storedOrders(stack.judge)).map((it) => it.id))
    expect([ids.size, [...history, ...live].filter((it) => !ids.has(it.id))]).toEqual([shown.count, []])
    expect(stack.events.filter((it) => it.type === 'service-exited' && !it.expected)).toEqual([])
  })
})
