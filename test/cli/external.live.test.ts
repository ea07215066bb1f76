import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { local } from '../../src/runtime/local/local.ts'
import type { System } from '../../src/runtime/runtime.ts'
import { gone, lab, startLab } from './lab-process.ts'

/** PostgreSQL and Redis of somebody else, with things in them that look like the lab's. */

const PASSWORD = 'Kn0wn-to.nobody'
const REDIS_PASSWORD = 'p@ss:w/rd'
const SHORT = ['--rate', '20', '--duration', '4', '--subscribers', '2', '--json']

let system: System
let folder: string
let owner: pg.Client
let redis: Redis
let env: Record<string, string>

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lab-external-'))
  system = await local.up({
    runId: `others-${process.pid}`,
    files: [fileURLToPath(new URL('../runtime/fixtures/others.yaml', import.meta.url))],
    env: {}, logDir: join(folder, 'logs'), signal: new AbortController().signal, on: () => undefined,
  })
  const { POSTGRES_PORT, REDIS_PORT } = system.env
  owner = new pg.Client({ host: '127.0.0.1', port: Number(POSTGRES_PORT), user: 'lab', database: 'shop' })
  await owner.connect()
  redis = new Redis({ port: Number(REDIS_PORT) })
  await redis.call('ACL', 'SETUSER', 'guest', 'on', `>${REDIS_PASSWORD}`, '~lab_*', '&lab_*', '+@all')
  // What those who were here before have, by the names that the lab uses on servers of its own.
  await owner.query(`
    CREATE ROLE guest LOGIN PASSWORD '${PASSWORD}';
    GRANT CREATE ON DATABASE shop TO guest;
    CREATE TABLE orders (id uuid PRIMARY KEY, note text);
    INSERT INTO orders SELECT gen_random_uuid(), 'theirs ' || n FROM generate_series(1, 500) AS n;
    CREATE TABLE totals AS SELECT 1 AS dimension, 42 AS count;
    CREATE SCHEMA lab_somebody;
    CREATE TABLE lab_somebody.orders AS SELECT 'not the lab''s' AS note`)
  await redis.multi().set('orders', 'theirs').set('orders:events', 7).hset('dashboard', 'version', 1, 'json', '{}').xadd('orders:dead', '1-1', 'a', 'b').set('lab_somebody:orders', 'x').exec()
  env = {
    LAB_POSTGRES_URL: `postgres://guest:${PASSWORD}@127.0.0.1:${POSTGRES_PORT}/shop`,
    LAB_REDIS_URL: `redis://guest:${encodeURIComponent(REDIS_PASSWORD)}@127.0.0.1:${REDIS_PORT}`,
    LAB_RUNTIME: 'local',
  }
}, 120_000)

afterAll(async () => {
  redis.disconnect()
  await owner.end()
  await system[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

/** Everything that is in both, byte for byte. */
async function dump(): Promise<unknown> {
  const schemas = await owner.query("SELECT nspname, nspacl::text, obj_description(oid, 'pg_namespace') AS comment FROM pg_namespace WHERE nspname !~ '^pg_' ORDER BY 1")
  const roles = await owner.query('SELECT rolname FROM pg_roles ORDER BY 1')
  const tables = await owner.query<{ name: string }>("SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname !~ '^pg_' AND schemaname <> 'information_schema' ORDER BY 1")
  const rows: unknown[] = []
  for (const { name } of tables.rows) rows.push([name, (await owner.query({ text: `SELECT * FROM ${name} AS t ORDER BY t::text`, rowMode: 'array' })).rows])
  const keys = (await redis.keys('*')).sort()
  const values = await Promise.all(keys.map(async (key) => [key, (await redis.dumpBuffer(key)).toString('hex'), await redis.pttl(key)]))
  return { schemas: schemas.rows, roles: roles.rows, rows, values }
}

function filesUnder(path: string): string[] {
  return readdirSync(path, { recursive: true, encoding: 'utf8' }).map((name) => join(path, name)).filter((file) => statSync(file).isFile())
}

describe('PostgreSQL and Redis of somebody else', () => {
  test('v2 runs on them, says so, loses nothing, and leaves them as they were, without a password anywhere', async () => {
    const before = await dump()
    const results = join(folder, 'whole')
    const { code, stdout, stderr } = await lab(['run', 'spike', '--arch', 'v2', ...SHORT, '--results', results], env)
    // A machine that is busy with other tests may make the figures unbelievable; what is counted is exact anyway.
    expect([0, 4, 6], stderr).toContain(code)
    expect(await dump()).toEqual(before)
    const [run] = readdirSync(results)
    const summary = JSON.parse(readFileSync(join(results, run!, 'summary.json'), 'utf8')) as { external: unknown; status: string; accounting: { ok: number; stored: number; lost: number; miscounted: unknown[] } }
    expect(summary.status).toBe('complete')
    expect(summary.accounting.stored).toBeGreaterThan(50)
    expect(summary.accounting).toMatchObject({ lost: 0, stored: summary.accounting.ok })
    expect(summary.external).toEqual([{ service: 'postgres', at: `127.0.0.1:${system.env['POSTGRES_PORT']}/shop` }, { service: 'redis', at: `127.0.0.1:${system.env['REDIS_PORT']}` }])
    expect(readFileSync(join(results, run!, 'report.md'), 'utf8')).toContain(`external postgres at 127.0.0.1:${system.env['POSTGRES_PORT']}/shop`)
    for (const secret of [PASSWORD, REDIS_PASSWORD, encodeURIComponent(REDIS_PASSWORD)]) {
      expect(stdout + stderr).not.toContain(secret)
      for (const file of filesUnder(results)) expect(readFileSync(file).includes(secret), file).toBe(false)
    }
  }, 120_000)

  test('a lab that is killed in the middle leaves what `lab clean` finds and removes, and only that', async () => {
    const before = await dump()
    const running = startLab(['run', 'spike', '--arch', 'v1', '--set', 'push=listen', '--set', 'counters=hot', ...SHORT, '--results', join(folder, 'killed')], env)
    const started = await running.until(({ type }) => type === 'run-started')
    await running.until((event) => event.type === 'sample' && (event.stored ?? 0) > 0)
    running.child.kill('SIGKILL')
    await running.exited
    const { runId } = started as { runId: string }
    await gone(runId, 20_000)
    expect(await dump()).not.toEqual(before)

    const without = await lab(['clean'], { LAB_RUNTIME: 'local' })
    expect(without.code).toBe(3)
    expect(without.stderr).toMatch(new RegExp(`left of run ${runId}: schema lab_\\w+ on postgres .*LAB_POSTGRES_URL`))
    const dry = await lab(['clean', '--dry-run'], env)
    expect(dry.stdout).toMatch(new RegExp(`would remove of run ${runId}: schema lab_`))
    const cleaned = await lab(['clean'], env)
    expect(cleaned.stderr).toBe('')
    expect(cleaned.code).toBe(0)
    expect(cleaned.stdout).toMatch(new RegExp(`removed of run ${runId} on postgres at .*: schema lab_\\w+ with \\d+ tables`))
    expect(cleaned.stdout).toMatch(new RegExp(`removed of run ${runId} on redis at .*: \\d+ keys`))
    expect(await dump()).toEqual(before)
    expect((await lab(['clean'], { LAB_RUNTIME: 'local' })).stdout).not.toContain(runId)
  }, 120_000)

  test.each<[string, string[], () => Record<string, string>, number, RegExp]>([
    ['nobody listens', [], () => ({ LAB_POSTGRES_URL: 'postgres://guest:hidden-9@127.0.0.1:1/shop' }), 3, /PostgreSQL at 127\.0\.0\.1:1\/shop \(LAB_POSTGRES_URL\) cannot be reached: .*ECONNREFUSED/],
    ['a wrong password', [], () => ({ LAB_REDIS_URL: `redis://guest:hidden-9@127.0.0.1:${system.env['REDIS_PORT']}` }), 3, /Redis at .* refuses the account: WRONGPASS/],
    ['no such database', [], () => ({ LAB_POSTGRES_URL: `postgres://guest:hidden-9@127.0.0.1:${system.env['POSTGRES_PORT']}/nowhere` }), 3, /has no such database: .*nowhere/],
    ['an account that may make no schema', [], () => ({ LAB_POSTGRES_URL: `postgres://poor:hidden-9@127.0.0.1:${system.env['POSTGRES_PORT']}/shop` }), 3, /does not let the account poor make a schema/],
    ['a scheme that is none', [], () => ({ LAB_REDIS_URL: 'http://:hidden-9@127.0.0.1' }), 2, /LAB_REDIS_URL has the scheme http, which is not one of redis, rediss/],
    ['a fault on what is not the lab\'s', ['--fault', 'kill:postgres@1s'], () => ({}), 2, /fault kill:postgres@1s.*LAB_POSTGRES_URL names; the lab does not own it/],
    ['a setting of the server as a knob', ['--set', 'fsync=no'], () => ({}), 2, /--set fsync=no: LAB_REDIS_URL names a server that is not the lab's/],
  ])('%s: one clear message, exit code, nothing left', async (_what, args, change, exitCode, says) => {
    await owner.query("DO $$ BEGIN IF to_regrole('poor') IS NULL THEN CREATE ROLE poor LOGIN; END IF; END $$")
    const before = await dump()
    const { code, stdout, stderr } = await lab(['run', 'spike', '--arch', 'v2', '--plain', ...args, '--results', join(folder, 'bad')], { ...env, ...change() })
    expect(stdout + stderr).toMatch(says)
    expect(stdout + stderr).not.toContain('hidden-9')
    expect(code).toBe(exitCode)
    expect(await dump()).toEqual(before)
  }, 30_000)
})
