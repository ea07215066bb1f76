import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { inOwnSchema } from '../../src/system/architectures/v4-rabbitmq-tenants/setup.ts'
import { accessFrom, createContext } from '../../src/system/context.ts'
import { bootstrapOf, nameIn } from '../../src/system/kafka/connect.ts'
import { connectionOf } from '../../src/system/postgres/connect.ts'

/** What the system does on servers that others use too, by its environment alone. */

const ADDRESS = { POSTGRES_HOST: 'db', POSTGRES_PORT: '5432', KAFKA_HOST: 'k1', KAFKA_PORT: '9092' }
const OTHERS = { POSTGRES_USER: 'ann', POSTGRES_PASSWORD: 'secret', POSTGRES_DATABASE: 'shop', POSTGRES_NAMESPACE: 'lab_x', KAFKA_NAMESPACE: 'lab_x', KAFKA_HOSTS: 'k1:9092,k2:9092' }
const contextOf = (env: Record<string, string>) => createContext({ env: { ...ADDRESS, ...env }, knobs: {}, signal: new AbortController().signal })

describe('on servers of the lab\'s own', () => {
  test('nothing has another name', () => {
    const context = contextOf({})
    expect(connectionOf(context)).toEqual({ host: 'db', port: 5432, user: 'lab', password: 'lab', database: 'lab' })
    expect(connectionOf(context, { user: 'lab_api', password: 'lab', options: '-c x=1' })).toMatchObject({ user: 'lab_api', password: 'lab', options: '-c x=1' })
    expect([nameIn(context, 'orders'), bootstrapOf(context)]).toEqual(['orders', ['k1:9092']])
    expect(accessFrom({})('redis')).toMatchObject({ namespace: '', tls: 'off' })
    expect(inOwnSchema(context, 'SELECT public.x')).toBe('SELECT public.x')
  })
})

describe('on servers of others', () => {
  const context = contextOf(OTHERS)

  test('PostgreSQL: the account that was given, and its schema first, beside the settings of the session', () => {
    expect(connectionOf(context, { options: '-c x=1' })).toEqual({ host: 'db', port: 5432, user: 'ann', password: 'secret', database: 'shop', options: '-c x=1 -c search_path=lab_x' })
  })

  test('PostgreSQL: accounts of the run have its name, and a password of their own', () => {
    const api = connectionOf(context, { user: 'lab_api', password: 'lab', database: 'lab' })
    const work = connectionOf(context, { user: 'lab_work', password: 'lab' })
    expect(api).toMatchObject({ user: 'lab_x_api', database: 'shop' })
    expect(api.password).toMatch(/^[0-9a-f]{64}$/)
    expect(work.password).not.toBe(api.password)
  })

  test('Kafka: names of the run\'s own, and every broker that was named', () => {
    expect([nameIn(context, 'orders'), bootstrapOf(context)]).toEqual(['lab_x-orders', ['k1:9092', 'k2:9092']])
  })

  test('v4: no statement of the setup names the schema public, an account of all labs, a known password, or the database as a whole', () => {
    const folder = fileURLToPath(new URL('../../src/system/architectures/v4-rabbitmq-tenants/sql/', import.meta.url))
    for (const name of readdirSync(folder).filter((file) => file.startsWith('create-'))) {
      const statements = inOwnSchema(context, readFileSync(`${folder}${name}`, 'utf8')).replace(/^ *--.*$/gm, '')
      expect(statements, name).not.toMatch(/\bpublic\b|\blab_(api|work|identity)\b|ON DATABASE|''lab''/)
    }
  })
})
