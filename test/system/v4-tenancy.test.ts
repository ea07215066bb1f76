import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { Unavailable } from '../../src/system/architecture.ts'
import { createAllowances } from '../../src/system/architectures/v4-rabbitmq-tenants/tenancy/allowances.ts'
import { makeKey, readKey } from '../../src/system/architectures/v4-rabbitmq-tenants/tenancy/api-keys.ts'
import { field, readBody } from '../../src/system/architectures/v4-rabbitmq-tenants/tenancy/body.ts'
import { createChecked, TRUST, type Checked } from '../../src/system/architectures/v4-rabbitmq-tenants/tenancy/checked.ts'
import { ATTEMPTS, createFailedLogins, networkOf, WINDOW_S } from '../../src/system/architectures/v4-rabbitmq-tenants/tenancy/failed-logins.ts'
import { filterProblem } from '../../src/system/architectures/v4-rabbitmq-tenants/tenancy/filtered.ts'
import { createPasswords, parseHash } from '../../src/system/architectures/v4-rabbitmq-tenants/tenancy/passwords.ts'
import { scopedTo, tenantStatement } from '../../src/system/architectures/v4-rabbitmq-tenants/tenancy/scoped.ts'
import { boundedTurns } from '../../src/system/architectures/v4-rabbitmq-tenants/tenancy/turns.ts'
import type { Refusal } from '../../src/system/problem.ts'

const settled = (promise: Promise<unknown>) => promise.then((it) => it, (error: Refusal) => error.status ?? error.name)

describe('a statement of the API', () => {
  it.each([
    ['SELECT id FROM orders WHERE workspace_id = $1'],
    ['select id from orders as o where o.workspace_id = $1 and (o.store = $2 or o.store = $3)'],
    ['SELECT a.count FROM event_aggregations AS a JOIN rollup_state AS r ON r.workspace_id = $1 AND a.hour < $2 WHERE a.workspace_id = $1'],
    ['SELECT a.count FROM totals a LEFT JOIN orders o ON o.workspace_id = $1 AND o.store = a.key WHERE a.workspace_id = $1'],
    ['SELECT 1 FROM totals WHERE workspace_id = $1 UNION ALL SELECT 2 FROM orders WHERE workspace_id = $1'],
    ['WITH x AS (SELECT store FROM orders WHERE workspace_id = $1) SELECT store FROM x WHERE store = 1 OR store = 2'],
    ["SELECT 'FROM orders' FROM totals WHERE dimension = 'all' AND workspace_id = $1"],
    ['INSERT INTO projects (workspace_id, name) VALUES ($1, $2), ($1, $3) ON CONFLICT (workspace_id, name) DO NOTHING RETURNING id'],
    ['INSERT INTO projects (workspace_id, name) SELECT $1, $2 WHERE (SELECT count(*) FROM projects AS p WHERE p.workspace_id = $1) < 10'],
    ['UPDATE memberships SET role = $3 WHERE workspace_id = $1 AND user_id = $2'],
    ['DELETE FROM projects WHERE workspace_id = $1 AND id = $2 -- OR true'],
    ['SELECT name FROM workspaces WHERE id = $1'],
    ['SELECT user_id FROM members_of($1)'],
  ])('may be: %s', (sql) => expect(filterProblem(sql)).toBeUndefined())

  it.each([
    ['SELECT id FROM orders', /does not use \$1/],
    ['SELECT id, $1 FROM orders', /orders is not filtered/],
    ['SELECT id FROM orders -- WHERE workspace_id = $1', /does not use/],
    ['SELECT id, $1 FROM orders /* WHERE workspace_id = $1 */', /not understood/],
    ["SELECT $1, 'WHERE workspace_id = $1' FROM orders", /orders is not filtered/],
    ['SELECT id FROM orders WHERE workspace_id = $1 OR true', /OR beside/],
    ['SELECT id FROM orders WHERE NOT workspace_id = $1', /not filtered/],
    ['SELECT id FROM orders WHERE workspace_id = $1 + 1', /not filtered/],
    ['SELECT id FROM orders WHERE workspace_id <> $1', /not filtered/],
    ['SELECT id FROM orders WHERE workspace_id = $2 AND store = $1', /not filtered/],
    ['SELECT id FROM orders WHERE (workspace_id = $1 OR true)', /not filtered/],
    ['SELECT workspace_id = $1 FROM orders', /not filtered/],
    ['SELECT store FROM orders GROUP BY store HAVING true AND workspace_id = $1', /not filtered/],
    ['SELECT 1 FROM orders AS o, totals AS t WHERE o.workspace_id = $1', /totals is not filtered/],
    ['SELECT 1 FROM orders AS o, totals AS t WHERE workspace_id = $1', /not filtered/],
    ['SELECT 1 FROM totals AS t LEFT JOIN orders AS o ON t.workspace_id = $1 AND o.workspace_id = $1', /totals is not filtered/],
    ['SELECT 1 FROM orders AS o RIGHT JOIN totals AS t ON t.workspace_id = $1 WHERE o.workspace_id = $1', /uses right/],
    ['SELECT 1 FROM orders WHERE workspace_id = $1 UNION SELECT 1 FROM orders', /not filtered/],
    ['SELECT (SELECT max(store) FROM orders) FROM totals WHERE workspace_id = $1', /orders is not filtered/],
    ['WITH x AS (SELECT * FROM orders) SELECT * FROM x WHERE workspace_id = $1', /orders is not filtered/],
    ['WITH orders AS (SELECT 1) SELECT * FROM totals WHERE workspace_id = $1', /named where no table/],
    ['SELECT 1 FROM "orders" WHERE $1 = $1', /not filtered/],
    ['SELECT 1 FROM public.orders WHERE $1 = $1', /not filtered/],
    ['SELECT 1 FROM ONLY orders WHERE $1 = $1', /not filtered/],
    ['TABLE orders', /no SELECT/],
    ['SELECT $1; SELECT * FROM orders', /uses ;/],
    ["SELECT set_config('lab.workspace', $1, true)", /uses set_config/],
    ['SELECT email FROM users WHERE id = $1', /uses users/],
    ['SELECT secret FROM signing_keys WHERE kid = $1', /uses signing_keys/],
    ['INSERT INTO projects (name, workspace_id) VALUES ($2, $1)', /first of its columns/],
    ['INSERT INTO projects VALUES ($1, $2)', /first of its columns/],
    ['INSERT INTO projects (workspace_id, name) VALUES ($1, $2), ($3, $2)', /does not begin with \$1/],
    ['INSERT INTO projects (workspace_id, name) SELECT workspace_id, name FROM projects WHERE workspace_id = $1', /does not begin with \$1/],
    ['INSERT INTO projects (workspace_id, name) SELECT $1, $2 UNION SELECT 2, $2', /several queries/],
    ['UPDATE memberships SET role = $2', /does not use/],
    ['UPDATE memberships SET role = $1', /not filtered/],
    ['UPDATE projects SET workspace_id = $2 WHERE workspace_id = $1', /moves rows/],
    ['DELETE FROM projects USING orders WHERE projects.workspace_id = $1', /orders is not filtered/],
    ['SELECT $$x$$ FROM orders WHERE workspace_id = $1', /not understood/],
    ["SELECT E'\\'' FROM orders WHERE workspace_id = $1", /not understood/],
    ['SELECT 1 FROM orders WHERE workspace_id = $1)', /parentheses/],
  ])('is refused as soon as it is loaded: %s', (sql, why) => {
    expect(filterProblem(sql)).toMatch(why)
    expect(() => tenantStatement('bad', sql)).toThrow(/bad might leave its workspace/)
  })

  it('is run for a workspace, and no other way', async () => {
    for (const workspace of [0, -1, 1.5, NaN, 2 ** 31, '1; SELECT 1' as unknown as number]) expect(() => scopedTo(undefined as never, workspace)).toThrow(RangeError)
    const forged = { name: 'x', text: 'SELECT 1', writes: false }
    await expect(scopedTo(undefined as never, 1).query(forged)).rejects.toThrow(/not made by tenantStatement/)
  })

  it('is nowhere asked of a pool directly, but in the places that have a reason to', () => {
    const root = join(import.meta.dirname, '../../src/system/architectures/v4-rabbitmq-tenants')
    const files = ['tenancy', 'tenancy/endpoints', 'read', 'ingest'].flatMap((folder) => readdirSync(join(root, folder)).filter((it) => it.endsWith('.ts')).map((it) => `${folder}/${it}`))
    const direct = files.filter((it) => /\bAPI_ACCOUNT\b/.test(readFileSync(join(root, it), 'utf8')))
    // Who may open a connection as lab_api; everything else is handed a pool, and scopedTo takes it from there.
    expect(direct.filter((it) => !['tenancy/accounts.ts', 'read/stored.ts'].includes(it))).toEqual([])
    const asks = files.filter((it) => it.startsWith('tenancy/') && /\bpool\.(query|connect)\b/.test(readFileSync(join(root, it), 'utf8')))
    expect(asks).toEqual(['tenancy/identity.ts', 'tenancy/scoped.ts', 'tenancy/signing-keys.ts'])
  })
})

describe('an API key', () => {
  it('says its workspace, and has 256 random bits', () => {
    const key = makeKey(12)
    expect(key.text).toMatch(/^lk_12_[\w-]{12}_[\w-]{43}$/)
    expect(readKey(key.text)).toEqual({ workspace: 12, prefix: key.prefix, sha256: key.sha256 })
    expect(new Set(Array.from({ length: 1_000 }, () => makeKey(1).text)).size).toBe(1_000)
  })

  it('is read whole or not at all', () => {
    const { text } = makeKey(2_147_483_647)
    for (const bad of [undefined, '', 'lk', text.slice(0, -1), `${text}A`, ` ${text}`, `${text} `, `${text}\n`, text.replace('lk_', 'LK_'), text.replace('_2', '_02'), text.replace('2147483647', '2147483648'),
      text.replace('2147483647', '0'), text.replace('2147483647', '-1'), `${text}, ${text}`, text.replace(/.$/, '='), text.replace(/.$/, "'"), [text], { toString: () => text }]) {
      expect(readKey(bad), JSON.stringify(bad)).toBeUndefined()
    }
    fc.assert(fc.property(fc.string({ maxLength: 200 }), (it) => { expect(readKey(it)).toBeUndefined() }))
  })

  it('with any character changed is another key', () => {
    const key = makeKey(7)
    fc.assert(fc.property(fc.nat({ max: key.text.length - 1 }), fc.constantFrom(...'abcXYZ019_-'), (at, character) => {
      const changed = key.text.slice(0, at) + character + key.text.slice(at + 1)
      const read = readKey(changed)
      expect(read === undefined || changed === key.text || !read.sha256.equals(key.sha256)).toBe(true)
    }))
  })
})

describe('what the database said', () => {
  interface World { checked: Checked<string, string>; at(ms: number): void; says: Map<string, string>; asked: string[]; away: boolean }
  function world(most = { something: 3, nothing: 2 }, asking = { atOnce: 1, waiting: 1 }): World {
    let ms = 0
    const it: World = { at: (to) => { ms = to }, says: new Map(), asked: [], away: false, checked: undefined as never }
    it.checked = createChecked({
      now: () => ms, most, asking,
      async ask(key) {
        it.asked.push(key)
        if (it.away) throw new Unavailable('away')
        return it.says.get(key)
      },
    })
    return it
  }
  const get = (it: World, key: string) => settled(it.checked.get(key, key))

  it('is asked once for many, and again when it is old', async () => {
    const it = world()
    it.says.set('a', '1')
    expect(await Promise.all([get(it, 'a'), get(it, 'a'), get(it, 'a')])).toEqual(['1', '1', '1'])
    expect(it.asked).toEqual(['a'])
    it.at(TRUST.freshMs + 1)
    it.says.set('a', '2')
    expect(await get(it, 'a'), 'still used, while it is asked').toBe('1')
    expect(await get(it, 'a')).toBe('2')
    expect(it.asked).toEqual(['a', 'a'])
  })

  it('what was taken away ends in time, even for who never stops asking', async () => {
    const it = world()
    it.says.set('a', '1')
    await get(it, 'a')
    it.says.clear()
    const seen: unknown[] = []
    for (let ms = 0; ms <= 5_000; ms += 100) {
      it.at(ms)
      seen.push([ms, await get(it, 'a')])
    }
    expect((seen.findLast((entry) => (entry as [number, unknown])[1] !== undefined) as [number, unknown])[0]).toBeLessThanOrEqual(TRUST.freshMs + 100)
    const idle = world()
    idle.says.set('a', '1')
    await get(idle, 'a')
    idle.says.clear()
    idle.at(TRUST.firmMs + 1)
    expect(await get(idle, 'a'), 'for who comes back after a while').toBeUndefined()
  })

  it('goes on for a bounded time while the database is away; what was never known is not known', async () => {
    const it = world()
    it.says.set('a', '1')
    await get(it, 'a')
    it.away = true
    it.at(TRUST.graceMs - 1)
    expect(await get(it, 'a')).toBe('1')
    expect(await get(it, 'b')).toBe('Unavailable')
    const asked = it.asked.length
    expect(await get(it, 'c'), 'without asking').toBe('Unavailable')
    expect(it.asked.length).toBe(asked)
    it.at(TRUST.graceMs + TRUST.awayMs + 1)
    expect(await get(it, 'a')).toBe('Unavailable')
    it.away = false
    it.says.clear()
    it.at(TRUST.graceMs + 3 * TRUST.awayMs)
    expect(await get(it, 'a'), 'revoked meanwhile').toBeUndefined()
  })

  it('is kept for so many, and what is nothing displaces nothing', async () => {
    const it = world()
    for (const key of ['a', 'b', 'c']) it.says.set(key, key)
    for (const key of ['a', 'b', 'c']) await get(it, key)
    for (let i = 0; i < 100; i++) await get(it, `random ${i}`)
    expect(it.checked.sizes()).toEqual({ something: 3, nothing: 2, asking: 0 })
    const asked = it.asked.length
    for (const key of ['a', 'b', 'c', 'random 99']) await get(it, key)
    expect(it.asked.length).toBe(asked)
    expect((await Promise.all([get(it, 'x'), get(it, 'y'), get(it, 'z')])).filter((answer) => answer === 'Unavailable'), 'one asks, one waits').toHaveLength(1)
  })
})

describe('an allowance', () => {
  it('is so much at once, then so much a second, each its own, for the last that were seen', () => {
    const take = createAllowances({ burst: 2, perSecond: 10, most: 2 })
    expect([take('a', 0), take('a', 0), take('a', 0), take('a', 50), take('a', 100), take('b', 100)]).toEqual([0, 0, 100, 50, 0, 0])
    take('c', 100)
    expect(take('a', 100), 'forgotten').toBe(0)
  })
})

describe('failed logins', () => {
  it('are counted for the pair, the address and the account, and forgotten in time', async () => {
    let ms = 0
    const logins = createFailedLogins(undefined, () => ms)
    const attempt = (email: string, address: string) => settled(logins.begin(email, address))
    for (let i = 0; i < ATTEMPTS.pair; i++) expect(await attempt('a@x', '10.0.0.1')).toBeUndefined()
    expect(await attempt('a@x', '10.0.0.1')).toBe(429)
    expect(await attempt('a@x', '10.0.0.2'), 'another address').toBeUndefined()
    expect(await attempt('b@x', '10.0.0.1'), 'another account').toBeUndefined()
    for (let i = 0; i < ATTEMPTS.address; i++) await attempt(`${i}@x`, '10.0.0.3')
    expect(await attempt('fresh@x', '10.0.0.3')).toBe(429)
    for (let i = 0; i < ATTEMPTS.account; i++) await attempt('victim@x', `10.1.0.${i}`)
    expect(await attempt('victim@x', '10.2.0.1')).toBe(429)
    ms = WINDOW_S * 1_000 + 1
    expect(await attempt('a@x', '10.0.0.1')).toBeUndefined()
  })

  it.each([
    ['127.0.0.1', '127.0.0.1'], ['::ffff:10.1.2.3', '10.1.2.3'], ['::1', '0:0:0:0::/64'], ['2001:db8:0:7::1', '2001:db8:0:7::/64'], ['2001:DB8:0:7:1:2:3:4', '2001:db8:0:7::/64'], ['fe80::1%eth0', 'fe80:0:0:0::/64'], ['', ''],
  ])('know %j as %s', (address, network) => expect(networkOf(address)).toBe(network))
})

describe('a password', () => {
  it('is kept as what cannot be turned round, never the same twice', async () => {
    const passwords = createPasswords()
    const [one, two] = await Promise.all([passwords.hash('a caf\u00e9 on the corner'), passwords.hash('a caf\u00e9 on the corner')])
    expect(one).toMatch(/^\$scrypt\$ln=15,r=8,p=3\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
    expect(one).not.toBe(two)
    // é as two characters is the same; and nothing that is stored, or not stored, is skipped.
    expect(await Promise.all([passwords.verify('a cafe\u0301 on the corner', one), passwords.verify('a cafe on the corner', one), passwords.verify('x', undefined)])).toEqual([true, false, false])
  }, 60_000)

  it.each(['', '!', 'x', '$scrypt$ln=14,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', '$scrypt$ln=30,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    '$scrypt$ln=15,r=99,p=99$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', '$scrypt$ln=15,r=8,p=3$AAAA$'])('fits no stored %j', (stored) => expect(parseHash(stored)).toBeUndefined())

  it('is hashed so many at once; so many wait; the others are refused', async () => {
    let running = 0
    let most = 0
    const turns = boundedTurns({ atOnce: 2, waiting: 3, what: 'tests' })
    const work = () => turns(async () => {
      most = Math.max(most, (running += 1))
      await new Promise((resolve) => setImmediate(resolve))
      running -= 1
    })
    const outcomes = await Promise.all(Array.from({ length: 9 }, () => settled(work())))
    expect([most, outcomes.filter((it) => it === 'Unavailable').length, running]).toEqual([2, 4, 0])
    await Promise.all([work(), work()])
    await expect(turns(() => Promise.reject(new Error('x')))).rejects.toThrow('x')
    expect(await settled(work())).toBeUndefined()
  })
})

describe('a body', () => {
  const schema = z.strictObject({ email: field.email, name: field.name.optional(), user: field.number.optional() })
  const read = (text: unknown) => readBody(schema, text)
  it('is what it is', () => expect(read('{"email":"A@Example.org","name":"a:\\"b\\""}')).toEqual({ email: 'a@example.org', name: 'a:"b"' }))

  it.each([
    ['nothing', undefined], ['blanks', '  '], ['half', '{"email":'], ['an array', '[]'], ['null', 'null'], ['a string', '"x"'], ['an unknown field', '{"email":"a@b","role":"owner"}'],
    ['a field twice', '{"email":"a@b","email":"c@d"}'], ['a field twice, escaped once', '{"email":"a@b","\\u0065mail":"c@d"}'], ['__proto__', '{"email":"a@b","__proto__":{"role":"owner"}}'], ['__proto__ alone', '{"__proto__":1,"email":"a@b"}'],
    ['constructor', '{"email":"a@b","constructor":"x"}'], ['an object in a field', '{"email":{"$ne":null}}'], ['an array in a field', '{"email":["a@b"]}'], ['a thousand levels', `${'{"email":'.repeat(1_000)}1${'}'.repeat(1_000)}`],
    ['a number too large', '{"email":"a@b","user":1e999}'], ['a fraction', '{"email":"a@b","user":1.5}'], ['a number as text', '{"email":"a@b","user":"1"}'], ['2^31', '{"email":"a@b","user":2147483648}'],
    ['a NUL', '{"email":"a@b","name":"x\\u0000"}'], ['a lone surrogate', '{"email":"a@b","name":"\\ud800"}'], ['a turned writing direction', '{"email":"a@b","name":"x\\u202ey"}'], ['a line break', '{"email":"a@b","name":"x\\ny"}'], ['no e-mail', '{"email":"a b@c"}'], ['a trailing comma', '{"email":"a@b",}'],
  ])('is refused: %s', (_what, text) => {
    expect(() => read(text)).toThrow(expect.objectContaining({ status: 400 }))
    expect(({} as { role?: string }).role).toBeUndefined()
  })

  it('is never quoted, where there may be a password in it', () => {
    const secret = randomBytes(12).toString('hex')
    const login = z.strictObject({ password: z.string().max(8) })
    for (const text of [`{"password":"${secret}"}`, `{"password":"${secret}`, `{"password":"${secret}",}`, `"${secret}"`, `{"password":["${secret}"]}`]) {
      let said = ''
      try {
        readBody(login, text)
      } catch (error) {
        said = JSON.stringify((error as Refusal).body)
      }
      expect(said).not.toBe('')
      expect(said).not.toContain(secret.slice(0, 8))
    }
  })

  it('holds no surprise', () => {
    fc.assert(fc.property(fc.json(), (text) => {
      try {
        expect(Object.keys(read(text))).toContain('email')
      } catch (error) {
        expect((error as Refusal).status).toBe(400)
      }
    }))
  })
})
