import fc from 'fast-check'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { Unavailable, Unknown } from '../../src/system/architecture.ts'
import { expectations } from '../../src/system/architectures/v1-postgres-cron/expectations.ts'
import { columnsOf } from '../../src/system/architectures/v1-postgres-cron/write/insert.ts'
import { partitionDays, partitionOf } from '../../src/system/architectures/v1-postgres-cron/write/partitions.ts'
import { loadArchitecture } from '../../src/system/architectures/index.ts'
import { ORDER_TYPES, PRODUCTS, STORES } from '../../src/system/event.ts'
import { defaultKnobs } from '../../src/system/knobs.ts'
import { outcomeOf } from '../../src/system/postgres/outcome.ts'
import { callOf, callTemplate } from '../../src/system/postgres/prepared.ts'
import { Refusal } from '../../src/system/problem.ts'
import { randomOrders } from './orders.ts'

const NOW = Date.UTC(2026, 10, 21, 8)

function elements(array: Buffer, width: number): Buffer[] {
  return Array.from({ length: array.readInt32BE(12) }, (_, row) => array.subarray(24 + row * (4 + width), 24 + row * (4 + width) + width))
}

describe('orders as parameters', () => {
  it('are sorted by id, each id once as it came first, every field in its place (property)', () => {
    fc.assert(fc.property(fc.integer(), fc.array(fc.nat(29), { minLength: 1, maxLength: 60 }), (seed, picks) => {
      const pool = randomOrders(30, seed, NOW)
      const given = picks.map((pick, i) => ({ ...pool[pick]!, amountCents: i }))
      const expected = [...new Map(given.toReversed().map((it) => [it.id, it])).values()].toSorted((a, b) => (a.id < b.id ? -1 : 1))
      const [ids, times, cents, types, stores, products] = columnsOf(given) as [Buffer, Buffer, Buffer, Buffer, Buffer, Buffer]
      expect(elements(ids, 16).map((it) => it.toString('hex'))).toEqual(expected.map((it) => it.id.replaceAll('-', '')))
      expect(elements(times, 8).map((it) => Number(it.readBigInt64BE()))).toEqual(expected.map((it) => it.timestampMs))
      expect(elements(cents, 4).map((it) => it.readInt32BE())).toEqual(expected.map((it) => it.amountCents))
      expect(elements(types, 2).map((it) => ORDER_TYPES[it.readInt16BE()])).toEqual(expected.map((it) => it.type))
      expect(elements(stores, 2).map((it) => STORES[it.readInt16BE()])).toEqual(expected.map((it) => it.store))
      expect(elements(products, 2).map((it) => PRODUCTS[it.readInt16BE()])).toEqual(expected.map((it) => it.product))
    }))
  })
})

describe('a call of a prepared statement', () => {
  const statement = { name: 'insert', text: 'INSERT …' }

  it('is Bind with every value in binary, Execute, Sync', () => {
    const call = callOf(statement, [Buffer.from([1, 2, 3, 4]), Buffer.from([5, 6])])
    const bytes = Buffer.concat([
      Buffer.from('B'), Buffer.from([0, 0, 0, 34]), Buffer.from('\0insert\0'), Buffer.from([0, 1, 0, 1, 0, 2]),
      Buffer.from([0, 0, 0, 4, 1, 2, 3, 4]), Buffer.from([0, 0, 0, 2, 5, 6]), Buffer.from([0, 0]),
      Buffer.from('E'), Buffer.from([0, 0, 0, 9, 0, 0, 0, 0, 0]), Buffer.from('S'), Buffer.from([0, 0, 0, 4]),
    ])
    expect(call.toString('hex')).toBe(bytes.toString('hex'))
  })

  it('has the values of a template where it says', () => {
    const { template, offsets } = callTemplate(statement, [4, 2])
    template.writeInt32BE(0x01020304, offsets[0])
    template.writeInt16BE(0x0506, offsets[1])
    expect(template).toEqual(callOf(statement, [Buffer.from([1, 2, 3, 4]), Buffer.from([5, 6])]))
  })
})

describe('what became of a statement', () => {
  const failed = (severity: string, code: string) => Object.assign(new pg.DatabaseError('no', 2, 'error'), { severity, code })
  it.each<[string, Error, new (...args: never[]) => Error, object]>([
    ['a value out of range', failed('ERROR', '22003'), Refusal, { status: 422 }],
    ['a violated check', failed('ERROR', '23514'), Refusal, { status: 422 }],
    ['a deadlock', failed('ERROR', '40P01'), Unavailable, { retryAfterS: 1 }],
    ['a timeout of the server', failed('ERROR', '57014'), Unavailable, { retryAfterS: 1 }],
    ['a full disk', failed('ERROR', '53100'), Unavailable, {}],
    ['a table that is missing', failed('ERROR', '42P01'), Unavailable, {}],
    ['a completion that is unknown', failed('ERROR', '40003'), Unknown, {}],
    ['a shutdown, perhaps right after the commit', failed('FATAL', '57P01'), Unknown, {}],
    ['a crash of another backend', failed('FATAL', '57P02'), Unknown, {}],
    ['a connection that broke', new Error('Connection terminated unexpectedly'), Unknown, {}],
  ])('%s', (_what, error, kind, fields) => {
    const outcome = outcomeOf(error)
    expect(outcome).toBeInstanceOf(kind)
    expect(outcome).toMatchObject(fields)
  })
})

describe('partitions', () => {
  it('are days in UTC, some of them ahead', () => {
    const lastMs = Date.UTC(2026, 11, 31, 23, 59, 59, 999)
    expect(partitionDays(lastMs, 1).map(partitionOf)).toEqual(['orders_p20261230', 'orders_p20261231', 'orders_p20270101', 'orders_p20270102', 'orders_p20270103'])
    expect(partitionDays(lastMs + 1, 0).map(partitionOf)[0]).toBe('orders_p20270101')
    expect(partitionDays(NOW, 31)).toHaveLength(35)
  })
})

describe('v1', async () => {
  const v1 = await loadArchitecture('v1')
  const knobs = (over: object) => ({ ...defaultKnobs(v1), ...over })

  it('promises everything but with commits that are not waited for', () => {
    expect(v1.guarantee(knobs({}))).toMatchObject({ level: 'effectively-once', mayLose: false })
    expect(v1.guarantee(knobs({ syncCommit: 'off' })).mayLose).toMatchObject({ after: ['postgres'], reachesBackMs: 600 })
    expect(v1.guarantee(knobs({ syncCommit: 'off', write: 'buffer' })).mayLose).toBe(false)
  })

  it('adds services by knobs', () => {
    expect([{}, { write: 'buffer' }, { write: 'buffer', replica: 'on' }].map((it) => v1.overlays!(knobs(it)))).toEqual([[], ['v1.buffer'], ['v1.buffer', 'v1.replica']])
  })

  it('says who is in the way of an order, by how it is written', () => {
    const clients = (write: 'direct' | 'buffer', service: string) => expectations({ write, breaker: 'off' }).find((it) => it.fault === 'kill' && it.service === service)?.clients
    expect([clients('direct', 'postgres'), clients('direct', 'redis')]).toEqual(['rejected-or-unknown', 'nothing'])
    expect([clients('buffer', 'postgres'), clients('buffer', 'redis')]).toEqual(['nothing', 'rejected-or-unknown'])
    const [kill] = expectations({ write: 'direct', breaker: 'on' }).filter((it) => it.service === 'postgres')
    expect(kill!.recoversWithinS).toBeGreaterThan(30)
  })
})
