import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import createBorders from '../../src/system/architectures/v4-rabbitmq-tenants/sql/create-borders.sql?raw'
import createIdentity from '../../src/system/architectures/v4-rabbitmq-tenants/sql/create-identity.sql?raw'
import { API_ACCOUNT, WORK_ACCOUNT } from '../../src/system/architectures/v4-rabbitmq-tenants/tenancy/accounts.ts'
import { TENANT_TABLES } from '../../src/system/architectures/v4-rabbitmq-tenants/tenancy/filtered.ts'
import { scopedTo, tenantStatement } from '../../src/system/architectures/v4-rabbitmq-tenants/tenancy/scoped.ts'
import { makeTenants } from '../../src/system/architectures/v4-rabbitmq-tenants/tenancy/tenants.ts'
import { connectPostgres } from '../../src/system/postgres/connect.ts'
import { startStores, type Stores } from './v4-stores.ts'

/** Two workspaces with the same things in them: the same names, the same event, the same idempotency key. */
const A = 1
const B = 2
const TABLES = Object.keys(TENANT_TABLES).filter((it) => it !== 'workspaces')
/** Of those, what the API may look at. */
const READABLE = TABLES.filter((it) => it !== 'idempotency_keys')

let stores: Stores
let owner: pg.Client
let api: pg.Client
let work: pg.Client

beforeAll(async () => {
  stores = await startStores()
  owner = await stores.connect()
  await owner.query(createIdentity)
  await makeTenants(owner, 2)
  api = await stores.connect(API_ACCOUNT)
  work = await stores.connect(WORK_ACCOUNT)
  const id = randomUUID()
  for (const workspace of [A, B]) {
    const user = (await owner.query<{ id: number }>("INSERT INTO users (email, password_hash) VALUES ($1, '!') RETURNING id", [`u${workspace}@example.org`])).rows[0]!.id
    const project = (await owner.query<{ id: number }>("INSERT INTO projects (workspace_id, name) VALUES ($1, 'shared') RETURNING id", [workspace])).rows[0]!.id
    await owner.query("INSERT INTO memberships VALUES ($1, $2, 'owner')", [workspace, user])
    await owner.query("INSERT INTO api_keys (workspace_id, project_id, name, prefix, sha256) VALUES ($1, $2, 'k', 'same-prefix-', decode(repeat('ab', 32), 'hex'))", [workspace, project])
    await owner.query('INSERT INTO orders (workspace_id, id, project_id, timestamp_ms, amount_cents, type, store, product) VALUES ($1, $2, $3, 1, 1, 0, 0, 0)', [workspace, id, project])
    await owner.query("INSERT INTO idempotency_keys (workspace_id, key, id) VALUES ($1, 'same', $2)", [workspace, id])
    await owner.query("INSERT INTO dead_letters (workspace_id, letter, reason) VALUES ($1, 'same', 'x')", [workspace])
    await owner.query("INSERT INTO totals (workspace_id, dimension, key, count, revenue_cents) VALUES ($1, 'all', 0, 1, 1)", [workspace])
    await owner.query("INSERT INTO event_aggregations (workspace_id, dimension, hour, key, count, revenue_cents, min_cents, max_cents) VALUES ($1, 'all', 0, 0, 1, 1, 1, 1)", [workspace])
    await owner.query("INSERT INTO rollup_state (workspace_id, watermark) VALUES ($1, '1') ON CONFLICT DO NOTHING", [workspace])
  }
})
afterAll(() => stores[Symbol.asyncDispose]())

/** What an attempt as lab_api ends with, in the name of a workspace; rolled back. */
async function attempt(sql: string, values: unknown[] = [], workspace: number | null = A): Promise<{ code?: string; rows?: number; first?: Record<string, unknown> }> {
  await api.query('BEGIN')
  try {
    if (workspace !== null) await api.query("SELECT set_config('lab.workspace', $1, true)", [String(workspace)])
    const { rowCount, rows } = await api.query<Record<string, unknown>>(sql, values)
    return { rows: rowCount ?? 0, first: rows[0] }
  } catch (error) {
    return { code: (error as { code: string }).code }
  } finally {
    await api.query('ROLLBACK')
  }
}

const DENIED = '42501'

describe('the tables', () => {
  it('with a workspace in them are those that statements are looked through for, and each has its rows guarded', async () => {
    const { rows } = await owner.query<{ name: string; on: boolean; forced: boolean; policies: string[] }>(`
      SELECT c.relname AS name, c.relrowsecurity AS on, c.relforcerowsecurity AS forced,
        (SELECT array_agg(p.polname::text ORDER BY p.polname) FROM pg_policy AS p WHERE p.polrelid = c.oid) AS policies
      FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'workspace_id' AND NOT a.attisdropped
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY 1`)
    expect(rows.map((it) => it.name)).toEqual(TABLES.toSorted())
    for (const it of rows) expect(it).toMatchObject({ on: true, forced: true, policies: expect.arrayContaining(['all_workspaces', 'own_workspace']) as string[] })
    const others = await owner.query("SELECT FROM pg_class WHERE relname IN ('users', 'workspaces') AND relrowsecurity AND relforcerowsecurity")
    expect(others.rowCount).toBe(2)
  })

  it('of next year are guarded too, and setting up twice changes nothing', async () => {
    await owner.query('CREATE TABLE next_year (workspace_id integer NOT NULL, secret text)')
    try {
      for (let i = 0; i < 2; i++) for (const sql of [createBorders, createIdentity]) await owner.query(sql)
      await owner.query("GRANT SELECT ON next_year TO lab_api; INSERT INTO next_year VALUES (1, 'a'), (2, 'b')")
      expect(await attempt('SELECT secret FROM next_year')).toMatchObject({ rows: 1, first: { secret: 'a' } })
    } finally {
      await owner.query('DROP TABLE next_year')
    }
  })

  it('have the workspace first in every key, but where one begins at the user', async () => {
    const { rows } = await owner.query<{ index: string; column: string }>(`
      SELECT i.indexrelid::regclass::text AS index, a.attname AS column FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
      WHERE i.indrelid::regclass::text = ANY ($1)`, [TABLES])
    expect(rows.filter((it) => it.column !== 'workspace_id').map((it) => it.index)).toEqual(['memberships_user'])
  })
})

describe('the role of the API', () => {
  it('is nobody in particular', async () => {
    const { rows } = await owner.query(`SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication, (SELECT count(*)::integer FROM pg_auth_members WHERE member = r.oid) AS roles,
      (SELECT count(*)::integer FROM pg_class WHERE relowner = r.oid) AS owned, (SELECT count(*)::integer FROM pg_proc WHERE proowner = r.oid) AS functions FROM pg_roles AS r WHERE rolname IN ('lab_api', 'lab_work', 'lab_identity') ORDER BY rolname`)
    const nobody = { rolsuper: false, rolbypassrls: false, rolcreaterole: false, rolcreatedb: false, rolreplication: false, roles: 0, owned: 0, functions: 0 }
    expect(rows).toEqual([nobody, { ...nobody, functions: 7 }, nobody])
    const identity = await owner.query<{ rolcanlogin: boolean }>("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'lab_identity'")
    expect(identity.rows[0]!.rolcanlogin).toBe(false)
  })

  it('may exactly this', async () => {
    const { rows } = await owner.query<{ says: string }>(`
      SELECT table_name || ' ' || string_agg(privilege_type, ' ' ORDER BY privilege_type) AS says FROM information_schema.table_privileges WHERE grantee = 'lab_api' GROUP BY table_name
      UNION ALL SELECT DISTINCT c.table_name || '.' || c.column_name || ' ' || c.privilege_type FROM information_schema.column_privileges AS c
        WHERE c.grantee = 'lab_api' AND c.privilege_type IN ('UPDATE', 'INSERT') ORDER BY 1`)
    expect(rows.map((it) => it.says).filter((it) => !it.startsWith('every'))).toEqual([
      'api_keys.name INSERT', 'api_keys.prefix INSERT', 'api_keys.project_id INSERT', 'api_keys.revoked_at UPDATE', 'api_keys.sha256 INSERT', 'api_keys.workspace_id INSERT',
      'dead_letters SELECT', 'event_aggregations SELECT', 'memberships DELETE SELECT', 'memberships.role INSERT', 'memberships.role UPDATE', 'memberships.user_id INSERT', 'memberships.workspace_id INSERT',
      'orders SELECT', 'projects DELETE SELECT', 'projects.name INSERT', 'projects.workspace_id INSERT', 'rollup_state SELECT', 'signing_keys SELECT', 'totals SELECT', 'workspaces SELECT',
    ])
  })

  it.each(READABLE)('sees of %s its own workspace, and without one nothing', async (table) => {
    expect((await attempt(`SELECT workspace_id FROM ${table}`, [], null)).rows, 'no workspace').toBe(0)
    for (const workspace of [A, B]) {
      const { rows, first } = await attempt(`SELECT array_agg(DISTINCT workspace_id) AS seen FROM ${table}`, [], workspace)
      expect([rows, first]).toEqual([1, { seen: [workspace] }])
      expect(await attempt(`SELECT workspace_id FROM ${table} WHERE workspace_id <> $1`, [workspace], workspace)).toMatchObject({ rows: 0 })
    }
    expect((await attempt(`SELECT workspace_id FROM ${table}`, [], 999)).rows).toBe(0)
  })

  it('sees one workspace by name', async () => {
    expect(await attempt('SELECT id FROM workspaces')).toMatchObject({ rows: 1, first: { id: A } })
    expect(await attempt('SELECT id FROM workspaces', [], null)).toMatchObject({ rows: 0 })
  })

  it.each<[sql: string, outcome: object]>([
    ["INSERT INTO projects (workspace_id, name) VALUES (2, 'planted')", { code: DENIED }],
    ["INSERT INTO memberships (workspace_id, user_id, role) SELECT 2, user_id, 'owner' FROM memberships LIMIT 1", { code: DENIED }],
    ["INSERT INTO api_keys (workspace_id, project_id, name, prefix, sha256) VALUES (2, 2, 'planted', 'x', decode(repeat('00', 32), 'hex'))", { code: DENIED }],
    ["UPDATE memberships SET role = 'viewer' WHERE workspace_id = 2", { rows: 0 }],
    ['UPDATE memberships SET workspace_id = 2', { code: DENIED }],
    ['UPDATE projects SET workspace_id = 2', { code: DENIED }],
    ['UPDATE api_keys SET revoked_at = now() WHERE workspace_id = 2', { rows: 0 }],
    ['UPDATE api_keys SET sha256 = NULL', { code: DENIED }],
    ['DELETE FROM api_keys', { code: DENIED }],
    ['DELETE FROM projects WHERE workspace_id = 2', { rows: 0 }],
    ['DELETE FROM memberships WHERE workspace_id = 2', { rows: 0 }],
    ["UPDATE workspaces SET name = 'x'", { code: DENIED }],
    ["INSERT INTO workspaces (slug, name) VALUES ('x', 'x')", { code: DENIED }],
    ['SELECT email FROM users', { code: DENIED }],
    ['SELECT password_hash FROM users WHERE id = 1', { code: DENIED }],
    ["UPDATE users SET password_hash = '!'", { code: DENIED }],
    ["INSERT INTO signing_keys (kid, secret) VALUES ('mine', decode(repeat('00', 32), 'hex'))", { code: DENIED }],
    ['DELETE FROM signing_keys', { code: DENIED }],
    ['UPDATE orders SET amount_cents = 0', { code: DENIED }],
    ['DELETE FROM totals', { code: DENIED }],
    ['TRUNCATE orders', { code: DENIED }],
    ['SELECT FROM idempotency_keys', { code: DENIED }],
    ['SELECT FROM everybody_aggregations', { code: DENIED }],
    ['ALTER TABLE orders DISABLE ROW LEVEL SECURITY', { code: DENIED }],
    ['ALTER TABLE orders NO FORCE ROW LEVEL SECURITY', { code: DENIED }],
    ['DROP POLICY own_workspace ON orders', { code: DENIED }],
    ['CREATE POLICY mine ON orders USING (true)', { code: DENIED }],
    ['ALTER TABLE memberships DISABLE TRIGGER ALL', { code: DENIED }],
    ["SET session_replication_role = 'replica'", { code: DENIED }],
    ['SET ROLE lab', { code: DENIED }],
    ['SET ROLE lab_work', { code: DENIED }],
    ['SET ROLE lab_identity', { code: DENIED }],
    ['SET SESSION AUTHORIZATION lab', { code: DENIED }],
    ['ALTER ROLE lab_api BYPASSRLS', { code: DENIED }],
    ['GRANT ALL ON users TO lab_api', { code: DENIED }],
    ['CREATE TABLE orders2 AS SELECT 1', { code: DENIED }],
    ['CREATE TEMPORARY TABLE orders (workspace_id integer)', { code: DENIED }],
    ['CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS $$ SELECT 1 $$', { code: DENIED }],
    ["CREATE OR REPLACE FUNCTION find_login(wanted text) RETURNS TABLE (user_id integer, password_hash text) LANGUAGE sql AS $$ SELECT 1, '' $$", { code: DENIED }],
    ['CREATE VIEW v AS SELECT * FROM orders', { code: DENIED }],
    ['CREATE SCHEMA mine', { code: DENIED }],
    ["COPY orders TO PROGRAM 'id'", { code: DENIED }],
    ["COPY orders FROM '/etc/passwd'", { code: DENIED }],
    ["SELECT pg_read_file('/etc/passwd')", { code: DENIED }],
    ["SELECT lo_import('/etc/passwd')", { code: DENIED }],
    ['SELECT rolpassword FROM pg_authid', { code: DENIED }],
    ["SELECT most_common_vals FROM pg_stats WHERE tablename IN ('orders', 'users', 'api_keys')", { rows: 0 }],
    ["SELECT * FROM members_of(2)", { rows: 0 }],
  ])('cannot: %s', async (sql, outcome) => expect(await attempt(sql)).toMatchObject(outcome))

  it('cannot turn its borders off: a query fails then, rather than see less or more', async () => {
    await api.query('SET row_security = off')
    try {
      expect(await attempt('SELECT FROM orders')).toEqual({ code: DENIED })
    } finally {
      await api.query('SET row_security = on')
    }
  })

  it('cannot call the trigger, and asks the functions for one account at a time', async () => {
    expect(await attempt('SELECT keep_an_owner()')).toMatchObject({ code: expect.stringMatching(/42501|0A000/) as string })
    expect(await attempt("SELECT user_id FROM find_login('u1@example.org')", [], null)).toMatchObject({ rows: 1 })
    for (const pattern of ['%', '', '%@example.org', "' OR '1'='1"]) expect(await attempt('SELECT user_id FROM find_login($1)', [pattern])).toMatchObject({ rows: 0 })
    const { rows } = await owner.query<{ proconfig: string[]; prosecdef: boolean; public: boolean }>("SELECT proconfig, prosecdef, has_function_privilege('public', oid, 'execute') AS public FROM pg_proc WHERE proowner = 'lab_identity'::regrole")
    for (const it of rows) expect(it).toEqual({ proconfig: ['search_path=""'], prosecdef: true, public: false })
  })
})

describe('the role of the workers', () => {
  it('works for all workspaces, and knows nothing of keys, passwords and tokens', async () => {
    expect((await work.query('SELECT DISTINCT workspace_id FROM orders')).rowCount).toBe(2)
    for (const table of ['users', 'api_keys', 'memberships', 'projects', 'signing_keys']) await expect(work.query(`SELECT FROM ${table}`), table).rejects.toMatchObject({ code: DENIED })
    await expect(work.query("SELECT find_login('u1@example.org')")).rejects.toMatchObject({ code: DENIED })
  })
})

describe('scopedTo', () => {
  const SEEN = tenantStatement('test-seen', 'SELECT workspace_id FROM orders WHERE workspace_id = $1')
  const NAMED = tenantStatement('test-named', 'SELECT id, name FROM projects WHERE workspace_id = $1 AND name = $2')
  const FAILS = tenantStatement('test-fails', 'SELECT 1 / (workspace_id - workspace_id) FROM orders WHERE workspace_id = $1')
  let pool: pg.Pool
  beforeAll(() => { pool = connectPostgres(stores.context, 'test', 2, undefined, API_ACCOUNT) })
  afterAll(() => pool.end())

  it('answers each with its own, whoever had the connection before', async () => {
    const answers = await Promise.all(Array.from({ length: 200 }, async (_, i) => {
      const workspace = i % 3 === 0 ? A : B
      if (i % 7 === 0) await expect(scopedTo(pool, workspace).query(FAILS)).rejects.toMatchObject({ code: '22012' })
      return [workspace, (await scopedTo(pool, workspace).query(SEEN)).map((it) => it['workspace_id'])]
    }))
    for (const [workspace, seen] of answers) expect(seen).toEqual([workspace])
    for (let i = 0; i < 4; i++) expect((await pool.query("SELECT current_setting('lab.workspace', true) AS left")).rows).toEqual([{ left: expect.toBeOneOf(['', null]) }])
    expect((await pool.query('SELECT FROM orders')).rowCount, 'outside of it').toBe(0)
  })

  it('takes values as values: nothing in them is ever a statement', async () => {
    for (const value of ["shared'; SELECT set_config('lab.workspace', '2', false); --", "x' OR true --", '$1', "'"]) expect(await scopedTo(pool, A).query(NAMED, [value])).toEqual([])
    expect(await scopedTo(pool, A).query(NAMED, ['shared'])).toHaveLength(1)
    // Even SQL that was pasted together could not be followed by a second statement, as long as anything is a parameter.
    await expect(pool.query("SELECT $1::text; SELECT set_config('lab.workspace', '2', false)", ['x'])).rejects.toThrow(/multiple commands/)
  })

  it('is what row-level security relies on: who could run a statement of his own could name another workspace', async () => {
    const pasted = "SELECT count(*)::integer AS seen FROM orders WHERE workspace_id = 2"
    expect((await attempt(pasted)).first).toEqual({ seen: 0 })
    expect((await attempt(`WITH moved AS MATERIALIZED (SELECT set_config('lab.workspace', '2', true)) SELECT * FROM moved`)).rows).toBe(1)
    const { rows } = await api.query<{ seen: number }>(`BEGIN; SET LOCAL lab.workspace = 2; ${pasted}; COMMIT`).then((results) => (results as unknown as pg.QueryResult<{ seen: number }>[])[2]!)
    expect(rows).toEqual([{ seen: 1 }])
  })

  it('gives up in time, and what it was waiting for harms nobody', async () => {
    const blocker = await stores.connect()
    await blocker.query('BEGIN; LOCK TABLE orders')
    try {
      await expect(scopedTo(pool, A).query(SEEN, [], { withinMs: 100 })).rejects.toMatchObject({ name: 'Unavailable' })
    } finally {
      await blocker.query('ROLLBACK')
    }
    expect(await scopedTo(pool, B).query(SEEN)).toEqual([{ workspace_id: B }])
  })
})
