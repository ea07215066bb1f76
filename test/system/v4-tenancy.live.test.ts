import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeKey } from '../../src/system/architectures/v4-rabbitmq-tenants/tenancy/api-keys.ts'
import { operatorHeaders, tenantsAsCallers } from '../../src/system/architectures/v4-rabbitmq-tenants/tenancy/callers.ts'
import type { Endpoint } from '../../src/system/architectures/v4-rabbitmq-tenants/tenancy/endpoint.ts'
import { tenancyEndpoints } from '../../src/system/architectures/v4-rabbitmq-tenants/tenancy/routes.ts'
import { addSigningKey } from '../../src/system/architectures/v4-rabbitmq-tenants/tenancy/tenants.ts'
import { signToken } from '../../src/system/architectures/v4-rabbitmq-tenants/tenancy/tokens.ts'
import type { Refusal } from '../../src/system/problem.ts'
import { until } from './client.ts'
import { PASSWORD, startTenancyApi, type Somebody, type TenancyApi } from './v4-tenancy-api.ts'

let api: TenancyApi
let mine: { workspace: number; project: number }
let theirs: { workspace: number; project: number }
let owner: Somebody
let member: Somebody
let viewer: Somebody
let stranger: Somebody

beforeAll(async () => {
  api = await startTenancyApi()
  mine = await api.workspace('mine')
  theirs = await api.workspace('theirs')
  owner = await api.somebody(mine.workspace, 'owner')
  member = await api.somebody(mine.workspace, 'member')
  viewer = await api.somebody(mine.workspace, 'viewer')
  stranger = await api.somebody(theirs.workspace, 'owner')
})
afterAll(() => api[Symbol.asyncDispose]())

const byKey = (key: unknown) => api.access.byKey({ headers: { 'x-api-key': key }, socket: { remoteAddress: '127.0.0.1' } } as unknown as IncomingMessage)
  .then((it) => it, (error: Refusal) => error.status ?? error.name)
const endpoints: Endpoint[] = tenancyEndpoints({} as never)

describe('from nothing', () => {
  it('one signs up, logs in, makes a project and a key, and revokes it', async () => {
    const secret = 'pässword of thirteen'
    api.secrets.push(secret)
    const signedUp = await api.call('POST', '/v1/users', undefined, { email: 'New@Example.org', password: secret, workspace: 'new-one' })
    expect([signedUp.status, signedUp.body]).toEqual([201, { user: expect.any(Number) as number, workspace: { id: expect.any(Number) as number, slug: 'new-one', name: 'new-one', role: 'owner' } }])
    const session = await api.call('POST', '/v1/login', undefined, { email: 'new@example.org', password: secret })
    expect([session.status, session.body]).toMatchObject([200, { expiresInS: 900, role: 'owner', workspace: { slug: 'new-one' } }])
    expect(session.headers.get('cache-control')).toBe('no-store')
    const token = session.body['token'] as string
    const project = await api.call('POST', '/v1/projects', token, { name: 'orders' })
    expect(project.status).toBe(201)
    const made = await api.call('POST', '/v1/api-keys', token, { project: project.body['id'], name: 'till' })
    expect(made.status).toBe(201)
    const key = made.body['key'] as string
    const { id: workspace } = session.body['workspace'] as { id: number }
    expect(await byKey(key)).toEqual({ workspace, project: project.body['id'], key: made.body['id'] })

    const listed = await api.call('GET', '/v1/api-keys', token)
    expect(listed.list).toEqual([{ id: made.body['id'], project: project.body['id'], name: 'till', prefix: made.body['prefix'], createdAt: expect.any(String) as string, revokedAt: null }])
    expect(listed.text).not.toContain(key.slice(-20))

    expect((await api.call('DELETE', `/v1/api-keys/${String(made.body['id'])}`, token)).status).toBe(204)
    await until('the key has ended, however often it is used', async () => (await byKey(key)) === 401, 5_000)
    expect((await api.call('DELETE', `/v1/api-keys/${String(made.body['id'])}`, token)).status, 'once').toBe(404)
  })

  it('who has two workspaces says which; tokens of one are none of the other', async () => {
    const person = await api.somebody(mine.workspace, 'viewer')
    expect((await api.call('POST', '/v1/workspaces', person.token, { slug: 'second-one', name: 'Second' })).status).toBe(201)
    const both = await api.call('GET', '/v1/workspaces', person.token)
    expect(both.list.map((it) => [it['slug'], it['role']])).toEqual([['mine', 'viewer'], ['second-one', 'owner']])
    const credentials = { email: person.email, password: person.password }
    expect((await api.call('POST', '/v1/login', undefined, credentials)).body).toMatchObject({ field: 'workspace', error: expect.stringContaining('mine, second-one') as string })
    const second = await api.call('POST', '/v1/login', undefined, { ...credentials, workspace: 'second-one' })
    expect(second.body).toMatchObject({ role: 'owner', workspace: { slug: 'second-one' } })
    expect((await api.call('GET', '/v1/projects', second.body['token'] as string)).list).toEqual([])
    const back = await api.call('POST', '/v1/token', second.body['token'] as string, { workspace: 'mine' })
    expect(back.body).toMatchObject({ role: 'viewer', workspace: { slug: 'mine' } })
    const ends = (token: unknown) => (JSON.parse(Buffer.from(String(token).split('.')[1]!, 'base64url').toString()) as { exp: number }).exp
    expect(ends(back.body['token']), 'no token renews itself').toBeLessThanOrEqual(ends(second.body['token']))
    for (const workspace of ['theirs', 'nobodys']) {
      expect([await api.call('POST', '/v1/token', person.token, { workspace })].map((it) => [it.status, it.body])).toEqual([[403, { error: 'you are no member of this workspace', field: 'workspace' }]])
    }
  })

  it('takes no e-mail, slug or name twice, and none that is reserved', async () => {
    const password = 'long enough to be one'
    const signUp = async (email: string, workspace: string) => (await api.call('POST', '/v1/users', undefined, { email, password, workspace })).status
    expect([await signUp(owner.email.toUpperCase(), 'free-one'), await signUp('free@example.org', 'mine'), await signUp('free@example.org', 'workspace-77')]).toEqual([409, 409, 400])
    expect((await api.owner.query("SELECT FROM workspaces WHERE slug = 'free-one'")).rowCount, 'all or nothing').toBe(0)
    expect((await api.call('POST', '/v1/projects', owner.token, { name: 'orders' })).status).toBe(409)
    expect((await api.call('POST', '/v1/users', undefined, { email: 'self@example.org', password: 'SELF@example.org', workspace: 'self-one' })).status).toBe(400)
  })
})

describe('roles', () => {
  it.each<[method: string, path: string, body: unknown, statuses: [owner: number, member: number, viewer: number]]>([
    ['GET', '/v1/workspaces', undefined, [200, 200, 200]],
    ['GET', '/v1/projects', undefined, [200, 200, 200]],
    ['GET', '/v1/api-keys', undefined, [200, 200, 200]],
    ['GET', '/v1/members', undefined, [200, 403, 403]],
    ['POST', '/v1/projects', { name: 'NAME' }, [201, 201, 403]],
    ['POST', '/v1/api-keys', { project: 'PROJECT', name: 'NAME' }, [201, 201, 403]],
    ['DELETE', '/v1/projects/999999', undefined, [404, 404, 403]],
    ['DELETE', '/v1/api-keys/999999', undefined, [404, 404, 403]],
    ['POST', '/v1/members', { user: 1, email: 'no@example.org', role: 'viewer' }, [404, 403, 403]],
    ['PATCH', '/v1/members/999999', { role: 'viewer' }, [404, 403, 403]],
    ['DELETE', '/v1/members/999999', undefined, [404, 403, 403]],
  ])('%s %s', async (method, path, body, statuses) => {
    const seen: number[] = []
    for (const it of [owner, member, viewer]) {
      const text = body && JSON.stringify(body).replace('NAME', randomBytes(4).toString('hex')).replace('"PROJECT"', String(mine.project))
      seen.push((await api.call(method, path, it.token, text)).status)
    }
    expect(seen).toEqual(statuses)
  })

  it('nobody gets anywhere without a token, with an operator’s, or with one of somebody who is no member', async () => {
    const operator = await signToken(api.access.signingKeys, { audience: 'operator' })
    const never = await signToken(api.access.signingKeys, { audience: 'workspace', user: stranger.user, workspace: mine.workspace, role: 'owner' })
    for (const { method, path, may } of endpoints.filter((it) => it.may !== undefined)) {
      const at = path.replace(':id', '1')
      const answers = [await api.call(method, at), await api.call(method, at, 'x.y.z'), await api.call(method, at, operator), await api.call(method, at, never)]
      expect([at, may, ...answers.map((it) => it.status)]).toEqual([at, may, 401, 401, 403, 401])
      for (const it of answers.filter(({ status }) => status === 401)) expect(it.headers.get('www-authenticate')).toContain('Bearer realm=')
    }
  })

  it('an owner makes and unmakes members; one may leave oneself', async () => {
    const { workspace } = await api.workspace('with-members')
    const boss = await api.somebody(workspace, 'owner')
    const guest = await api.somebody(theirs.workspace, 'viewer')
    expect((await api.call('POST', '/v1/members', boss.token, { user: guest.user, email: 'other@example.org', role: 'member' })).status, 'another e-mail').toBe(404)
    expect((await api.call('POST', '/v1/members', boss.token, { user: guest.user, email: guest.email, role: 'member' })).body).toEqual({ user: guest.user, email: guest.email, role: 'member' })
    expect((await api.call('POST', '/v1/members', boss.token, { user: guest.user, email: guest.email, role: 'owner' })).status).toBe(409)
    expect((await api.call('GET', '/v1/members', boss.token)).list).toEqual([{ user: boss.user, email: boss.email, role: 'owner' }, { user: guest.user, email: guest.email, role: 'member' }])
    expect((await api.call('PATCH', `/v1/members/${guest.user}`, boss.token, { role: 'viewer' })).body).toEqual({ user: guest.user, role: 'viewer' })
    const token = await signToken(api.access.signingKeys, { audience: 'workspace', user: guest.user, workspace, role: 'member' })
    expect((await api.call('DELETE', `/v1/members/${boss.user}`, token)).status).toBe(403)
    expect((await api.call('DELETE', `/v1/members/${guest.user}`, token)).status).toBe(204)
    expect((await api.call('GET', '/v1/members', boss.token)).list).toHaveLength(1)
  })

  it('a removed member is out within 5 s, and changes nothing from that moment; a role that was taken likewise', async () => {
    const leaver = await api.somebody(mine.workspace, 'member')
    expect((await api.call('GET', '/v1/projects', leaver.token)).status).toBe(200)
    expect((await api.call('PATCH', `/v1/members/${leaver.user}`, owner.token, { role: 'viewer' })).status).toBe(200)
    expect((await api.call('POST', '/v1/projects', leaver.token, { name: 'too late' })).status).toBe(403)
    expect((await api.call('DELETE', `/v1/members/${leaver.user}`, owner.token)).status).toBe(204)
    expect((await api.call('POST', '/v1/workspaces', leaver.token, { slug: 'too-late' })).status).toBe(401)
    await until('out', async () => (await api.call('GET', '/v1/projects', leaver.token)).status === 401, 5_000)
  })
})

describe('the last owner', () => {
  it('stays, alone', async () => {
    const { workspace } = await api.workspace('one-owner')
    const last = await api.somebody(workspace, 'owner')
    await api.somebody(workspace, 'member')
    expect((await api.call('PATCH', `/v1/members/${last.user}`, last.token, { role: 'member' })).status).toBe(409)
    expect((await api.call('DELETE', `/v1/members/${last.user}`, last.token)).status).toBe(409)
    expect((await api.call('PATCH', `/v1/members/${last.user}`, last.token, { role: 'owner' })).status).toBe(200)
  })

  it.each(['leave', 'demote oneself', 'demote each other'])('stays when two %s at once', async (what) => {
    for (let round = 0; round < 8; round++) {
      const { workspace } = await api.workspace(`race-${what.replaceAll(' ', '-')}-${round}`)
      const [a, b] = [await api.somebody(workspace, 'owner'), await api.somebody(workspace, 'owner')]
      const end = (by: Somebody, of: Somebody) => (what === 'leave' ? api.call('DELETE', `/v1/members/${of.user}`, by.token) : api.call('PATCH', `/v1/members/${of.user}`, by.token, { role: 'viewer' }))
      const answers = await Promise.all(what === 'demote each other' ? [end(a, b), end(b, a)] : [end(a, a), end(b, b)])
      const { rows } = await api.owner.query<{ owners: number }>("SELECT count(*)::integer AS owners FROM memberships WHERE workspace_id = $1 AND role = 'owner'", [workspace])
      expect([rows[0]!.owners, answers.map((it) => it.status).sort()], what).toEqual([1, [what === 'leave' ? 204 : 200, expect.toBeOneOf([409, 403])]])
    }
  })

  it('stays when all are taken in one statement, and when the API is not asked', async () => {
    const { workspace } = await api.workspace('two-owners')
    const [a] = [await api.somebody(workspace, 'owner'), await api.somebody(workspace, 'owner')]
    await expect(api.owner.query('DELETE FROM memberships WHERE workspace_id = $1', [workspace])).rejects.toThrow(/keeps an owner/)
    await api.owner.query('DELETE FROM memberships WHERE workspace_id = $1 AND user_id = $2', [workspace, a.user])
    await api.owner.query('DELETE FROM workspaces WHERE id = $1', [workspace])
  })
})

describe('what is somebody else’s', () => {
  it('is not there', async () => {
    const key = await api.call('POST', '/v1/api-keys', stranger.token, { project: theirs.project, name: 'theirs' })
    const before = await everything(theirs.workspace)
    const tried = [
      await api.call('DELETE', `/v1/projects/${theirs.project}`, owner.token),
      await api.call('DELETE', `/v1/api-keys/${String(key.body['id'])}`, owner.token),
      await api.call('PATCH', `/v1/members/${stranger.user}`, owner.token, { role: 'viewer' }),
      await api.call('DELETE', `/v1/members/${stranger.user}`, owner.token),
      await api.call('POST', '/v1/api-keys', owner.token, { project: theirs.project, name: 'crossing' }),
    ]
    const absent = [
      await api.call('DELETE', '/v1/projects/999999', owner.token),
      await api.call('DELETE', '/v1/api-keys/999999', owner.token),
      await api.call('PATCH', '/v1/members/999999', owner.token, { role: 'viewer' }),
      await api.call('DELETE', '/v1/members/999999', owner.token),
      await api.call('POST', '/v1/api-keys', owner.token, { project: 999_999, name: 'crossing' }),
    ]
    expect(tried.map((it) => [it.status, it.text])).toEqual(absent.map((it) => [it.status, it.text]))
    expect(tried.map((it) => it.status)).toEqual([404, 404, 404, 404, 404])
    expect(await everything(theirs.workspace)).toEqual(before)
    for (const path of ['/v1/projects', '/v1/api-keys', '/v1/members', '/v1/workspaces']) expect((await api.call('GET', path, owner.token)).text).not.toMatch(/theirs/)
  })

  it('cannot be had by naming the workspace otherwise', async () => {
    const [plain] = [await api.call('GET', '/v1/projects', owner.token)]
    for (const headers of [{ 'x-workspace': String(theirs.workspace) }, { 'x-workspace-id': 'theirs' }, { 'x-original-url': '/v1/members' }, { 'x-forwarded-user': stranger.email }, { 'x-http-method-override': 'DELETE' }, { cookie: `token=${stranger.token}` }, { 'x-api-key': 'x' }] as Record<string, string>[]) {
      expect((await api.call('GET', '/v1/projects', owner.token, undefined, headers)).text).toBe(plain.text)
    }
    expect((await api.call('GET', `/v1/projects?workspace=${theirs.workspace}`, owner.token)).status).toBe(400)
    expect((await api.call('POST', '/v1/projects', owner.token, { name: 'x', workspace: theirs.workspace })).body).toMatchObject({ field: 'workspace' })
    expect((await api.call('POST', '/v1/projects', owner.token, { name: 'x', workspace_id: theirs.workspace })).status).toBe(400)
    const { port } = new URL(api.url)
    const raw = (lines: string[]) => new Promise<string>((resolve) => {
      const socket = connect(Number(port), '127.0.0.1', () => socket.write(`${lines.join('\r\n')}\r\n\r\n`))
      socket.once('data', (data) => { resolve(String(data)); socket.destroy() }).once('close', () => resolve('closed')).on('error', () => {})
    })
    expect(await raw(['GET /v1/projects HTTP/1.1', 'Host: x', `Authorization: Bearer ${owner.token}`, `Authorization: Bearer ${stranger.token}`])).toMatch(/^HTTP\/1.1 401/)
    expect(await raw(['GET /v1/projects HTTP/1.1', 'Host: x', `X-API-Key: a`, `X-API-Key: b`])).toMatch(/^HTTP\/1.1 401/)
    expect(await raw(['POST /v1/projects HTTP/1.1', 'Host: x', 'Content-Length: 2', 'Transfer-Encoding: chunked', `Authorization: Bearer ${owner.token}`])).toMatch(/^HTTP\/1.1 400|^closed/)
  })
})

describe('hostile requests', () => {
  it.each<[what: string, status: number, body: unknown, headers?: Record<string, string>]>([
    ['nothing', 400, ''], ['half', 400, '{"name":'], ['a name twice', 400, '{"name":"a","name":"b"}'], ['__proto__', 400, '{"name":"a","__proto__":{"role":"owner"}}'],
    ['constructor.prototype', 400, '{"name":"a","constructor":{"prototype":{"x":1}}}'], ['1,000 levels', 400, `${'['.repeat(1_000)}${']'.repeat(1_000)}`], ['an array', 400, '[{"name":"a"}]'],
    ['5 KiB', 413, JSON.stringify({ name: 'x'.repeat(5_000) })], ['a megabyte', 413, 'x'.repeat(1_000_000)], ['a name of 81', 400, { name: 'x'.repeat(81) }], ['a NUL', 400, { name: 'a\u0000b' }],
    ['plain text', 415, '{"name":"a"}', { 'content-type': 'text/plain' }], ['a form', 415, 'name=a', { 'content-type': 'application/x-www-form-urlencoded' }], ['lines of JSON', 415, '{"name":"a"}', { 'content-type': 'application/x-ndjson' }],
    ['XML', 415, '<name>a</name>', { 'content-type': 'application/xml' }], ['something zipped', 415, '{"name":"a"}', { 'content-encoding': 'gzip' }], ['several parts', 415, 'x', { 'content-type': 'multipart/form-data; boundary=x' }],
  ])('%s: %i', async (_what, status, body, headers) => {
    const answer = await api.call('POST', '/v1/projects', member.token, body, headers)
    expect([answer.status, typeof answer.body.error]).toEqual([status, 'string'])
    expect(({} as { role?: unknown; x?: unknown }).role ?? ({} as { x?: unknown }).x).toBeUndefined()
  })

  const PAYLOADS = ["' OR '1'='1", "'; DROP TABLE orders; --", '1; SELECT pg_sleep(5)', "x' UNION SELECT secret::text FROM signing_keys --", "'||(SELECT password_hash FROM users LIMIT 1)||'", '\\', "1) OR (1=1", "$1", "'; SELECT set_config('lab.workspace', '1', false); --"]
  const VALID: Record<string, unknown> = { email: 'nobody@example.org', password: 'nothing that fits anything', workspace: 'mine', name: 'n', slug: 'a-slug', project: 1, user: 1, role: 'viewer' }

  it('SQL in any field of any body is a value, or refused', async () => {
    const before = await everything(theirs.workspace)
    for (const { method, path, body } of endpoints) {
      for (const name of Object.keys(body?.shape ?? {})) {
        // A password is hashed before anything is done with it, which takes its time.
        const tried = path === '/v1/users' || path === '/v1/login' ? PAYLOADS.slice(0, name === 'email' || name === 'workspace' ? undefined : 1) : PAYLOADS
        await Promise.all(tried.map(async (payload) => {
          const valid = Object.fromEntries(Object.keys(body!.shape).map((it) => [it, VALID[it]]))
          const answer = await api.call(method, path.replace(':id', '1'), owner.token, { ...valid, [name]: payload })
          expect([method, path, name, payload, answer.status]).toEqual([method, path, name, payload, expect.toBeOneOf([200, 201, 400, 401, 403, 404, 409, 429])])
          expect(answer.body.error ?? '').not.toMatch(/syntax|relation|column|pg_|scrypt/i)
          if (answer.status < 300) expect(answer.body[name], 'as it was').toBe(payload)
        }))
      }
    }
    expect(await everything(theirs.workspace)).toEqual(before)
  })

  it('SQL in paths, queries and headers is refused', async () => {
    for (const payload of PAYLOADS) {
      for (const { method, path, body } of endpoints.filter((it) => it.path.includes(':id'))) {
        const answer = await api.call(method, path.replace(':id', encodeURIComponent(payload)), owner.token, body && { role: 'viewer' })
        expect([path, payload, answer.status]).toEqual([path, payload, 404])
      }
      for (const { path } of endpoints.filter((it) => it.method === 'GET')) expect((await api.call('GET', `${path}?id=${encodeURIComponent(payload)}`, owner.token)).status).toBe(400)
      expect((await api.call('GET', '/v1/projects', payload)).status).toBe(401)
      expect(await byKey(payload)).toBe(401)
      expect(await byKey(`lk_1_${payload.padEnd(12, 'x').slice(0, 12)}_${'x'.repeat(43)}`)).toBe(401)
    }
    for (const id of ['0', '-1', '1.0', '01', '2147483648', '1e3', 'NaN', '%00', '1%20', '..%2f1']) expect((await api.call('DELETE', `/v1/projects/${id}`, owner.token)).status).toBe(404)
  })
})

describe('a login', () => {
  const login = (email: string, password: string) => api.call('POST', '/v1/login', undefined, { email, password })
  it('that fails says nothing of whether there is an account, and after five there is a wait, right or wrong', async () => {
    const person = await api.somebody(mine.workspace, 'viewer')
    const [wrong, nobody, tenants] = await Promise.all([login(person.email, 'not the password'), login('nobody-here@example.org', 'not the password'), login('owner@workspace-1.invalid', '!')])
    expect([wrong.status, wrong.text]).toEqual([nobody.status, nobody.text])
    expect([wrong.status, wrong.body, tenants.status]).toEqual([401, { error: 'e-mail or password is wrong' }, 401])
    const more = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(() => login(person.email, 'not the password')))
    expect(more.map((it) => it.status).sort(), 'counted before they are looked at').toEqual([401, 401, 401, 401, 429, 429, 429, 429])
    const right = await login(person.email, PASSWORD)
    expect([right.status, Number(right.headers.get('retry-after')) > 0, right.body['retryAfterS']]).toEqual([429, true, expect.any(Number)])
    const other = await api.somebody(mine.workspace, 'viewer')
    for (let i = 0; i < 6; i++) expect((await login(other.email, PASSWORD)).status, 'who logs in is not counted').toBe(200)
    expect((await api.stores.redis.keys('login:*')).join(' ')).not.toContain('example')
  })

  it('is throttled without Redis as well, and a password is never right for its sake', async () => {
    const person = await api.somebody(mine.workspace, 'viewer')
    await api.stores.service('redis').kill({ hold: true })
    try {
      const answers = await Promise.all([1, 2, 3, 4, 5, 6].map(() => login(person.email, 'not the password')))
      expect(answers.map((it) => it.status).sort()).toEqual([401, 401, 401, 401, 401, 429])
      expect((await login(stranger.email, PASSWORD)).status).toBe(200)
    } finally {
      await api.stores.service('redis').start()
    }
  })
})

describe('keys', () => {
  it('revoked, truncated, lengthened, changed, of another workspace: all the same 401', async () => {
    const { body } = await api.call('POST', '/v1/api-keys', owner.token, { project: mine.project, name: 'attacked' })
    const key = body['key'] as string
    const [, number, rest] = /^lk_(\d+)_(.*)$/.exec(key)!
    const flipped = key.replace(/[a-z](?=[^a-z]*$)/i, (it) => (it === it.toLowerCase() ? it.toUpperCase() : it.toLowerCase()))
    for (const bad of [key.slice(0, -1), `${key}x`, flipped, key.toUpperCase(), `lk_${theirs.workspace}_${rest}`, `lk_999999_${rest}`, `lk_0${number}_${rest}`, `${key}, ${key}`, makeKey(mine.workspace).text]) expect(await byKey(bad), bad.slice(0, 8)).toBe(401)
    expect(await byKey(key)).toMatchObject({ workspace: mine.workspace, project: mine.project })
    const doomed = await api.call('POST', '/v1/projects', owner.token, { name: 'doomed' })
    const itsKey = (await api.call('POST', '/v1/api-keys', owner.token, { project: doomed.body['id'], name: 'x' })).body['key']
    expect(await byKey(itsKey)).toMatchObject({ project: doomed.body['id'] })
    await api.call('DELETE', `/v1/projects/${String(doomed.body['id'])}`, owner.token)
    await until('its keys have gone with the project', async () => (await byKey(itsKey)) === 401, 5_000)
  })

  it('that are made up become neither a flood of questions nor of memory, and keep nobody out who is known', async () => {
    const { body } = await api.call('POST', '/v1/api-keys', owner.token, { project: mine.project, name: 'busy' })
    expect(await byKey(body['key'])).toMatchObject({ workspace: mine.workspace })
    let asked = 0
    const count = () => { asked += 1 }
    api.pool.on('acquire', count)
    const statuses = new Map<unknown, number>()
    const beganMs = performance.now()
    for (let i = 0; i < 60; i++) {
      for (const status of await Promise.all(Array.from({ length: 50 }, () => byKey(makeKey(1 + (i % 100_000)).text)))) statuses.set(status, (statuses.get(status) ?? 0) + 1)
      expect(await byKey(body['key']), 'all the while').toMatchObject({ workspace: mine.workspace })
    }
    const seconds = (performance.now() - beganMs) / 1_000
    api.pool.off('acquire', count)
    expect([...statuses.keys()].sort()).toEqual([401, 429])
    expect(asked, 'a burst of 1,000, and 50 a second').toBeLessThanOrEqual(1_050 + 50 * seconds)
    const sizes = api.access.sizes()
    expect([sizes.keys.something < 100, sizes.keys.nothing <= 10_000, sizes.keys.asking]).toEqual([true, true, 0])
    for (let i = 0; i < 2_000; i++) await byKey(`lk_1_${'x'.repeat(i % 80)}`)
  })
})

describe('the lab’s own', () => {
  it('callers have keys and tokens of their own workspace; the operator sees and does nothing here', async () => {
    const context = { ...api.stores.context, knobs: { ...api.stores.context.knobs, workspaces: 3 } }
    const callers = await tenantsAsCallers(context)
    expect(callers.map((it) => [it.share, it.noisy])).toEqual([[1, true], [1 / 2, undefined], [1 / 3, undefined]])
    for (const { headers, readHeaders, owner: whose } of callers) {
      // Whoever came with made-up keys from this address has used up what may be asked for a while.
      await until('its key may be asked for', async () => (await byKey(headers['X-API-Key'])) !== 429, 10_000)
      expect(await byKey(headers['X-API-Key'])).toMatchObject({ workspace: Number(whose) })
      const token = readHeaders!['Authorization']!.slice('Bearer '.length)
      api.secrets.push(token, headers['X-API-Key']!)
      expect((await api.call('GET', '/v1/projects', token)).list).toMatchObject([{ name: 'orders' }])
    }
    const { Authorization } = await operatorHeaders(context)
    expect(await api.access.byToken({ headers: {}, headersDistinct: { authorization: [Authorization!] } } as unknown as IncomingMessage)).toMatchObject({ audience: 'operator' })
    await expect(tenantsAsCallers({ ...context, knobs: { ...context.knobs, workspaces: 9 } })).rejects.toThrow(/3 of 9 workspaces/)
  })

  it('a new key to sign with is used at once, and the old one still holds', async () => {
    const before = await signToken(api.access.signingKeys, { audience: 'workspace', user: owner.user, workspace: mine.workspace, role: 'owner' })
    const kid = await addSigningKey(await api.stores.connect())
    await until('it signs', async () => (await api.access.signingKeys.newest()).kid === kid, 5_000)
    const after = await signToken(api.access.signingKeys, { audience: 'workspace', user: owner.user, workspace: mine.workspace, role: 'owner' })
    for (const token of [before, after]) expect((await api.call('GET', '/v1/projects', token)).status).toBe(200)
  })
})

describe('openapi.json', () => {
  it('describes every endpoint, and the fields that answers have', async () => {
    const { body } = await api.call('GET', '/openapi.json')
    const { paths, components } = body as unknown as { paths: Record<string, Record<string, { responses: object; requestBody?: { content: Record<string, { schema: { additionalProperties: boolean } }> } }>>; components: { schemas: Record<string, { required: string[] }>; securitySchemes: object } }
    for (const { method, path, body: schema } of endpoints) {
      const described = paths[path.replace(':id', '{id}')]?.[method.toLowerCase()]
      expect(described, `${method} ${path}`).toBeDefined()
      if (schema) expect(described!.requestBody!.content['application/json']!.schema.additionalProperties).toBe(false)
    }
    expect(Object.keys(components.securitySchemes)).toEqual(['token', 'key'])
    const project = await api.call('POST', '/v1/projects', owner.token, { name: 'described' })
    expect(Object.keys(project.body).sort()).toEqual(components.schemas['Project']!.required.toSorted())
    const key = await api.call('POST', '/v1/api-keys', owner.token, { project: project.body['id'], name: 'described' })
    expect(Object.keys(key.body).sort()).toEqual(components.schemas['NewApiKey']!.required.toSorted())
    expect((await api.call('PUT', '/v1/projects', owner.token)).status).toBe(405)
  })
})

describe('while the database is away', () => {
  it.each(['kill', 'pause'] as const)('(%s) what was known goes on, what was not is 503 and never 401; then all is as before', async (fault) => {
    const { body } = await api.call('POST', '/v1/api-keys', owner.token, { project: mine.project, name: fault })
    const unseen = (await api.call('POST', '/v1/api-keys', owner.token, { project: mine.project, name: `${fault} unseen` })).body['key']
    const newcomer = await api.somebody(mine.workspace, 'viewer')
    expect(await byKey(body['key'])).toMatchObject({ workspace: mine.workspace })
    const token = () => api.access.byToken({ headers: {}, headersDistinct: { authorization: [`Bearer ${owner.token}`] } } as unknown as IncomingMessage)
    await token()
    const postgres = api.stores.service('postgres')
    await (fault === 'kill' ? postgres.kill({ hold: true }) : postgres.pause())
    try {
      await sleep(4_200)
      expect(await byKey(body['key'])).toMatchObject({ workspace: mine.workspace })
      expect(await token()).toMatchObject({ workspace: mine.workspace, role: 'owner' })
      expect(await byKey(unseen)).toBe('Unavailable')
      expect(await byKey('lk_1_nonsense')).toBe(401)
      const answers = [await api.call('GET', '/v1/projects', newcomer.token), await api.call('POST', '/v1/projects', owner.token, { name: `while ${fault}` })]
      expect(answers.map((it) => [it.status, it.headers.get('retry-after') !== null])).toEqual([[503, true], [503, true]])
    } finally {
      await (fault === 'kill' ? postgres.start() : postgres.resume())
    }
    await until('it is back', async () => (await api.call('GET', '/v1/projects', newcomer.token)).status === 200, 20_000)
    await until('and knows all keys', async () => typeof (await byKey(unseen)) === 'object', 5_000)
    expect((await api.call('POST', '/v1/login', undefined, { email: newcomer.email, password: PASSWORD })).status).toBe(200)
  })
})

describe('logs', () => {
  it('tell who did what, and hold no key, token, password or e-mail', () => {
    const log = api.stores.log.join('\n')
    for (const what of ['sign-up', 'login', 'login-refused', 'token', 'workspace-made', 'project-made', 'project-removed', 'key-made', 'key-revoked', 'member-added', 'member-removed', 'role-changed']) expect(log).toContain(`audit ${what} `)
    expect(api.secrets.length).toBeGreaterThan(50)
    for (const secret of api.secrets) expect(log.includes(secret) || log.includes(secret.slice(-20)), 'a secret in the log').toBe(false)
    expect(log).not.toMatch(/example\.org|scrypt|Bearer|eyJ|lk_\d/)
    expect(log).not.toMatch(/^(GET|POST|PATCH|DELETE) /m)
  })
})

/** All that is kept of a workspace. */
async function everything(workspace: number): Promise<unknown> {
  const { rows } = await api.owner.query(
    `SELECT (SELECT json_agg(p ORDER BY id) FROM projects AS p WHERE workspace_id = $1) AS projects, (SELECT json_agg(k ORDER BY id) FROM api_keys AS k WHERE workspace_id = $1) AS keys,
            (SELECT json_agg(m ORDER BY user_id) FROM memberships AS m WHERE workspace_id = $1) AS members, (SELECT json_agg(w) FROM workspaces AS w WHERE id = $1) AS workspaces,
            (SELECT count(*) FROM signing_keys) AS signing_keys`, [workspace])
  return rows
}
