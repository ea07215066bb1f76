import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import type { System } from '../../src/runtime/runtime.ts'
import { bringUp, remains } from './running.ts'

const PASSWORD = `it's "<quoted>" & more`
let system: System

const service = (): System['services'][number] => system.services[0]!

async function ask(statement: string, more: { query?: Record<string, string>; headers?: Record<string, string>; signal?: AbortSignal } = {}): Promise<{ status: number; text: string; headers: Headers }> {
  const url = `http://127.0.0.1:${system.env.CLICKHOUSE_PORT}/?${new URLSearchParams({ database: 'lab', ...more.query }).toString()}`
  const headers = { 'x-clickhouse-user': 'lab', 'x-clickhouse-key': PASSWORD, ...more.headers }
  const response = await fetch(url, { method: 'POST', headers, body: statement, ...(more.signal && { signal: more.signal }) })
  return { status: response.status, text: await response.text(), headers: response.headers }
}

async function answersItsUser(): Promise<void> {
  expect((await ask('SELECT currentUser(), currentDatabase()')).text).toBe('lab\tlab\n')
  expect((await ask('SELECT 1', { headers: { 'x-clickhouse-key': 'wrong' } })).status).toBe(403)
  // The engine starts itself as `default`; who comes as that may do next to nothing.
  const stranger = await ask('CREATE TABLE stranger (n UInt8) ENGINE = Memory', { headers: { 'x-clickhouse-user': 'default', 'x-clickhouse-key': '' } })
  expect(stranger.headers.get('x-clickhouse-exception-code')).toBe('497')
}

async function takesParameters(): Promise<void> {
  const answer = await ask('SELECT {n:UInt8} + 1, getSetting(\'max_threads\') FORMAT JSONCompactEachRow', { query: { param_n: '41', max_threads: '3' } })
  expect(JSON.parse(answer.text)).toEqual([42, 3])
  const wrong = await ask('SELECT nothing')
  expect([wrong.status, wrong.headers.get('x-clickhouse-exception-code')]).toEqual([404, '47'])
}

async function isNotHeldUp(): Promise<void> {
  const leaving = new AbortController()
  const slow = ask('SELECT sum(sleepEachRow(0.05)) FROM numbers(400) SETTINGS max_block_size = 1, function_sleep_max_microseconds_per_block = 0', { query: { readonly: '2', cancel_http_readonly_queries_on_client_close: '1' }, signal: leaving.signal })
  slow.catch(() => {})
  const running = async () => Number((await ask("SELECT count() FROM system.processes WHERE query LIKE 'SELECT sum(sleepEachRow%'")).text)
  for (let left = 100; await running() === 0 && left > 0; left--) await sleep(20)
  expect(await running()).toBe(1)
  leaving.abort()
  for (let left = 200; await running() > 0 && left > 0; left--) await sleep(20)
  expect(await running()).toBe(0)
}

async function keepsWhatItHas(): Promise<void> {
  await ask('CREATE TABLE kept (n UInt32) ENGINE = MergeTree ORDER BY n')
  expect((await ask('INSERT INTO kept SELECT number FROM numbers(1000)', { query: { async_insert: '0' } })).status).toBe(200)
  const figures = await (await fetch(service().metricsUrl!)).text()
  expect(Number(/^lab_clickhouse_rows_inserted_total (\d+)$/m.exec(figures)?.[1])).toBeGreaterThanOrEqual(1_000)
  await service().kill()
  await service().start()
  expect((await ask('SELECT count(), sum(n) FROM kept')).text).toBe('1000\t499500\n')
}

it('ClickHouse answers its user, takes parameters and settings, ends what nobody waits for, and keeps what it has acknowledged when it is killed', async () => {
  const upping = bringUp('clickhouse.yaml', { readyWithinMs: 60_000 })
  {
    await using running = await upping.system
    system = running
    await answersItsUser()
    await takesParameters()
    await isNotHeldUp()
    await keepsWhatItHas()
  }
  expect(remains(upping.runId)).toEqual([])
})
