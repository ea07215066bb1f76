import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isKey, readMessage, toMessage, type Event } from '../../src/system/architectures/v4-rabbitmq-tenants/ingest/message.ts'
import { shardOf } from '../../src/system/architectures/v4-rabbitmq-tenants/ingest/shard.ts'
import { letterId, originalHeaders, readLetter, toLetterMessage, type Letter } from '../../src/system/architectures/v4-rabbitmq-tenants/letter.ts'
import { surplus } from '../../src/system/architectures/v4-rabbitmq-tenants/work/balance.ts'
import { chunksOf } from '../../src/system/architectures/v4-rabbitmq-tenants/work/chunks.ts'
import { RECORD_BYTES } from '../../src/system/record.ts'
import { parseOwnedRows } from '../../src/system/postgres/read-orders.ts'
import { randomOrders } from './orders.ts'

const workspace = fc.integer({ min: 1, max: 2_147_483_647 })

describe('the shard of a workspace', () => {
  it('is one of them, always the same; a further shard takes some and moves none between the others', () => {
    fc.assert(fc.property(workspace, fc.integer({ min: 1, max: 63 }), (it, shards) => {
      const before = shardOf(it, shards)
      const after = shardOf(it, shards + 1)
      expect(before).toBeGreaterThanOrEqual(0)
      expect(before).toBeLessThan(shards)
      expect([before, shards]).toContain(after)
    }))
  })

  it.each([2, 3, 4, 16])('spreads 20,000 workspaces evenly over %i', (shards) => {
    const counts = Array.from({ length: shards }, () => 0)
    for (let it = 1; it <= 20_000; it++) counts[shardOf(it, shards)]! += 1
    for (const count of counts) expect(Math.abs(count / (20_000 / shards) - 1)).toBeLessThan(0.1)
  })
})

describe('a message', () => {
  it('comes out as it went in', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 50 }), fc.integer(), workspace, workspace, (count, seed, owner, project) => {
      const orders = randomOrders(count, seed, Date.now())
      const key = count === 1 ? 'some-key' : undefined
      const { headers, content } = toMessage(orders, { workspace: owner, project }, key)
      const { events, unreadable } = readMessage(headers, content)
      expect(unreadable).toEqual([])
      expect(events.map((it) => [it.workspace, it.project, it.key, it.id])).toEqual(orders.map((it) => [owner, project, key, it.id]))
    }), { numRuns: 50 })
  })

  it('of any bytes and headers is events and what is none, and nothing is thrown or forgotten', () => {
    const header = fc.oneof(fc.anything(), fc.integer({ min: 1, max: 9 }))
    fc.assert(fc.property(fc.record({ w: header, p: header, k: fc.option(header, { nil: undefined }) }), fc.uint8Array({ maxLength: 4 * RECORD_BYTES }), (headers, bytes) => {
      const content = Buffer.from(bytes)
      const { events, unreadable } = readMessage(headers, content)
      const left = [...events.map((it) => it.record), ...unreadable.map((it) => it.content)].reduce((sum, it) => sum + it.length, 0)
      expect(left).toBe(content.length)
      expect(events.length + unreadable.length).toBeGreaterThan(0)
    }))
  })

  it.each([
    ['no workspace', { p: 1 }, 1], ['workspace 0, everybody', { w: 0, p: 1 }, 1], ['no project', { w: 1 }, 1], ['a key for two', { w: 1, p: 1, k: 'x' }, 2],
    ['a key with a space', { w: 1, p: 1, k: 'a b' }, 1], ['none at all', { w: 1, p: 1 }, 0],
  ])('with %s is put aside whole', (_what, headers, count) => {
    const { content } = toMessage(randomOrders(count, 1, Date.now()), { workspace: 1, project: 1 }, undefined)
    expect(readMessage(headers, content)).toMatchObject({ events: [], unreadable: [{ content }] })
  })

  it('puts one record aside, and keeps its neighbours', () => {
    const { headers, content } = toMessage(randomOrders(4, 2, Date.now()), { workspace: 3, project: 1 }, undefined)
    content[RECORD_BYTES + 27] = 255
    content.writeUInt32BE(4_000_000_000, 2 * RECORD_BYTES + 22)
    const { events, unreadable } = readMessage(headers, content)
    expect(events).toHaveLength(2)
    expect(unreadable.map((it) => [it.workspace, it.reason])).toEqual([[3, 'a position outside its vocabulary'], [3, 'an amount that no order has']])
  })

  it.each(['', ' ', 'ä', 'a\n', 'x'.repeat(256), 7, undefined])('%j is no idempotency key', (key) => expect(isKey(key)).toBe(false))
  it.each(['a', '~!', 'x'.repeat(255)])('%j is one', (key) => expect(isKey(key)).toBe(true))
})

describe('chunks of a batch', () => {
  const event = fc.record({ workspace: fc.integer({ min: 1, max: 2 }), id: fc.constantFrom('a', 'b', 'c'), key: fc.constantFrom(undefined, 'a', 'k'), fingerprint: fc.constantFrom('1', '2') })
    .map((it): Event => ({ ...it, project: 1, record: Buffer.alloc(0) }))

  it('keep the order, hold no id and no key twice, and leave out only what is there already', () => {
    fc.assert(fc.property(fc.array(event, { maxLength: 30 }), fc.integer({ min: 1, max: 6 }), (events, most) => {
      const chunks = [...chunksOf(events, most)]
      const kept = chunks.flat()
      let at = 0
      for (const it of events) if (kept[at] === it) at += 1
      expect(at, 'in their order').toBe(kept.length)
      for (const chunk of chunks) {
        expect(chunk.length).toBeLessThanOrEqual(most)
        expect(new Set(chunk.map((it) => `${it.workspace} ${it.id}`)).size).toBe(chunk.length)
        const keys = chunk.filter((it) => it.key !== undefined).map((it) => `${it.workspace} ${it.key}`)
        expect(new Set(keys).size).toBe(keys.length)
      }
      const same = (a: Event, b: Event) => a.workspace === b.workspace && a.id === b.id && a.key === b.key && a.fingerprint === b.fingerprint
      for (const it of events) expect(kept.some((other) => same(it, other))).toBe(true)
    }), { numRuns: 500 })
  })
})

describe('a dead letter', () => {
  const letter: Letter = { workspace: 4, subject: 'some-id', fault: 'changed', reason: 'why', attempts: 3, headers: { w: 4, p: 2, k: 'key' }, content: Buffer.alloc(3) }

  it('is itself again, with the headers it came with', () => {
    const { content, options } = toLetterMessage(letter, letterId(letter), 1_000)
    const message = { content, properties: options, fields: {} } as never
    expect(readLetter(message)).toEqual({ id: letterId(letter), owner: '4', reason: 'why', atMs: 1_000, attempts: 3, content: { base64: 'AAAA' } })
    expect(originalHeaders(message)).toEqual(letter.headers)
  })

  it.each<[string, Partial<Letter>]>([
    ['workspace', { workspace: 5 }], ['event', { subject: 'other' }], ['fault', { fault: 'refused' }], ['payload', { content: Buffer.from([0, 0, 1]) }], ['key', { headers: { w: 4, p: 2, k: 'other' } }],
  ])('of another %s is another one', (_what, other) => expect(letterId({ ...letter, ...other })).not.toBe(letterId(letter)))

  it('is the same whatever was tried and said', () => expect(letterId({ ...letter, attempts: 1, reason: 'in other words' })).toBe(letterId(letter)))

  it('of any headers can be read', () => {
    fc.assert(fc.property(fc.dictionary(fc.string(), fc.anything()), (headers) => {
      const read = readLetter({ content: Buffer.alloc(0), properties: { headers }, fields: {} } as never)
      expect(typeof read.id).toBe('string')
      expect(typeof originalHeaders({ content: Buffer.alloc(0), properties: { headers }, fields: {} } as never)).toBe('object')
    }))
  })
})

describe('a share of the shards', () => {
  it.each([
    ['4 shards, 2 workers, all mine', 4, 4, 2, 1], ['half of them', 2, 4, 2, 0], ['3 shards, 2 workers, 2 mine', 2, 3, 2, 0], ['alone', 4, 4, 1, 0], ['nobody counted', 4, 4, 0, 0], ['more workers than shards', 2, 2, 5, 1],
  ])('%s: %i of %i busy, %i workers → gives away %i', (_what, busy, shards, workers, given) => expect(surplus(busy, shards, workers)).toBe(given))
})

describe('rows of orders with an owner', () => {
  it('are read by offset', () => {
    const row = Buffer.alloc(80)
    row.writeInt16BE(8, 0)
    row.write('00000000000070008000000000000001', 6, 'hex')
    row.writeInt32BE(1_234, 50)
    row.writeInt32BE(77, 76)
    const twice = Buffer.concat([row, row])
    twice.writeInt32BE(78, 80 + 76)
    expect(parseOwnedRows(twice, twice.length).map((it) => [it.id, it.amountCents, it.owner])).toEqual([
      ['00000000-0000-7000-8000-000000000001', 1_234, '77'], ['00000000-0000-7000-8000-000000000001', 1_234, '78'],
    ])
  })
})
