import { createHmac, createSecretKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { SignJWT, type JWTPayload } from 'jose'
import type pg from 'pg'
import { describe, expect, it } from 'vitest'
import { createAccess } from '../../src/system/architectures/v4-rabbitmq-tenants/tenancy/access.ts'
import { createSigningKeys, newSigningKey } from '../../src/system/architectures/v4-rabbitmq-tenants/tenancy/signing-keys.ts'
import { signToken, TOKEN_LASTS_S, verifyToken } from '../../src/system/architectures/v4-rabbitmq-tenants/tenancy/tokens.ts'
import { createContext } from '../../src/system/context.ts'
import type { Refusal } from '../../src/system/problem.ts'

const NOW_S = Math.floor(Date.now() / 1_000)
const older = newSigningKey()
const newer = newSigningKey()
const table = [newer, older]
const keys = createSigningKeys(() => Promise.resolve(table))
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048, publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' } })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256', publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' } })

const CLAIMS = { iss: 'load-lab', aud: 'load-lab:workspace', sub: '3', ws: 7, role: 'member', iat: NOW_S, exp: NOW_S + 900 }
const HEADER = { alg: 'HS256', typ: 'JWT', kid: newer.kid }

const part = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const hs = (input: string, secret: string | Buffer, hash = 'sha256') => createHmac(hash, secret).update(input).digest('base64url')
/** By hand, so that nothing stands between us and what an attacker would send. */
function token(header: unknown, claims: unknown, secret: string | Buffer = newer.secret, hash = 'sha256'): string {
  const input = `${part(header)}.${part(claims)}`
  return `${input}.${hs(input, secret, hash)}`
}
/** With our own secret: what only a fault of ours could sign, or somebody who has it for another purpose. */
const signed = (claims: Record<string, unknown>, header: Record<string, unknown> = {}) => token({ ...HEADER, ...header }, { ...CLAIMS, ...claims })
const without = (...names: (keyof typeof CLAIMS)[]) => token(HEADER, Object.fromEntries(Object.entries(CLAIMS).filter(([name]) => !names.includes(name as never))))
const unsigned = (alg: string) => `${part({ ...HEADER, alg })}.${part(CLAIMS)}.`
const good = signed({})
const [goodHeader, goodClaims, goodSignature] = good.split('.') as [string, string, string]
const tampered = (change: Record<string, unknown>) => `${goodHeader}.${part({ ...CLAIMS, ...change })}.${goodSignature}`

const ATTACKS: [what: string, token: string][] = [
  ...['none', 'None', 'NONE', 'nOnE', 'none ', ' none', 'none\u0000', ''].flatMap((alg): [string, string][] => [
    [`alg ${JSON.stringify(alg)}, no signature`, unsigned(alg)],
    [`alg ${JSON.stringify(alg)}, the signature of another`, unsigned(alg) + goodSignature],
    [`alg ${JSON.stringify(alg)}, well signed`, token({ ...HEADER, alg }, CLAIMS)],
  ]),
  ['no alg', token({ typ: 'JWT', kid: newer.kid }, CLAIMS)],
  ['alg as an array', token({ ...HEADER, alg: ['HS256', 'none'] }, CLAIMS)],
  ['alg hs256 in small letters', token({ ...HEADER, alg: 'hs256' }, CLAIMS)],
  ['HS384 with our secret', token({ ...HEADER, alg: 'HS384' }, CLAIMS, newer.secret, 'sha384')],
  ['HS512 with our secret', token({ ...HEADER, alg: 'HS512' }, CLAIMS, newer.secret, 'sha512')],
  ['HS384 by name, HS256 in truth', token({ ...HEADER, alg: 'HS384' }, CLAIMS)],
  ['a public RSA key as the HMAC secret', token(HEADER, CLAIMS, rsa.publicKey)],
  ['a public RSA key as the HMAC secret, alg RS256', token({ ...HEADER, alg: 'RS256' }, CLAIMS, rsa.publicKey)],
  ['a public EC key as the HMAC secret', token(HEADER, CLAIMS, ec.publicKey)],
  ['an empty secret', token(HEADER, CLAIMS, '')],
  ['a secret of zeros', token(HEADER, CLAIMS, Buffer.alloc(32))],
  ['the secret as hex', token(HEADER, CLAIMS, newer.secret.toString('hex'))],
  ['the kid as the secret', token(HEADER, CLAIMS, newer.kid)],
  ['the secret of the other key', token(HEADER, CLAIMS, older.secret)],
  ['a secret of one’s own', token(HEADER, CLAIMS, randomBytes(32))],
  ['a key of one’s own in jwk', token({ ...HEADER, jwk: { kty: 'oct', k: part('x'.repeat(32)) } }, CLAIMS, 'x'.repeat(32))],
  ['jwk, well signed', signed({}, { jwk: { kty: 'oct', k: part('x'.repeat(32)) } })],
  ['jku, well signed', signed({}, { jku: 'http://127.0.0.1:1/keys' })],
  ['x5u, well signed', signed({}, { x5u: 'http://127.0.0.1:1/cert' })],
  ['x5c, well signed', signed({}, { x5c: ['AAAA'] })],
  ['crit, well signed', signed({}, { crit: ['exp'] })],
  ['crit with b64, well signed', signed({}, { crit: ['b64'], b64: true })],
  ['an unencoded payload', signed({}, { b64: false })],
  ['zip', signed({}, { zip: 'DEF' })],
  ['a nested token', signed({}, { cty: 'JWT' })],
  ['typ at+jwt', signed({}, { typ: 'at+jwt' })],
  ['no typ', token({ alg: 'HS256', kid: newer.kid }, CLAIMS)],
  ...([
    '../../../../dev/null', '/proc/self/environ', 'file:///dev/null', "' OR '1'='1", "x' UNION SELECT 'secret' --", `${newer.kid}'`, `${newer.kid}\u0000`, ` ${newer.kid}`, newer.kid.toUpperCase() + '!', '', 'x'.repeat(1_000),
    '__proto__', 'constructor', 'toString', 0, 1, null, true, [newer.kid], { kid: newer.kid }, { $ne: null },
  ] as unknown[]).flatMap((kid): [string, string][] => [
    [`kid ${JSON.stringify(kid).slice(0, 40)}, no secret`, token({ ...HEADER, kid }, CLAIMS, '')],
    [`kid ${JSON.stringify(kid).slice(0, 40)}, the right secret`, token({ ...HEADER, kid }, CLAIMS)],
  ]),
  ['no kid', token({ alg: 'HS256', typ: 'JWT' }, CLAIMS)],
  ['a kid twice, the last one not ours', (() => {
    const input = `${part(`{"alg":"HS256","typ":"JWT","kid":"${newer.kid}","kid":"other"}`)}.${part(CLAIMS)}`
    return `${input}.${hs(input, newer.secret)}`
  })()],
  ['another workspace', tampered({ ws: 8 })],
  ['another role', tampered({ role: 'owner' })],
  ['another user', tampered({ sub: '1' })],
  ['a later end', tampered({ exp: NOW_S + 1e6 })],
  ['the operator’s audience', tampered({ aud: 'load-lab:operator' })],
  ['the operator’s audience and name', `${goodHeader}.${part({ iss: 'load-lab', aud: 'load-lab:operator', sub: 'operator', iat: NOW_S, exp: NOW_S + 900 })}.${goodSignature}`],
  ['one bit of the signature', `${goodHeader}.${goodClaims}.${(goodSignature.startsWith('A') ? 'B' : 'A') + goodSignature.slice(1)}`],
  ['half a signature', `${goodHeader}.${goodClaims}.${goodSignature.slice(0, 21)}`],
  ['an empty signature', `${goodHeader}.${goodClaims}.`],
  ['no signature', `${goodHeader}.${goodClaims}`],
  ['a fourth part', `${good}.x`],
  ['five parts (JWE)', `${good}.x.y`],
  ['an empty part', `.${goodClaims}.${goodSignature}`],
  ['padding', `${good}=`],
  ['base64 that is not base64url', `${goodHeader}.${goodClaims}.${goodSignature.slice(0, -2)}+/`],
  ['a blank in it', `${goodHeader}. ${goodClaims}.${goodSignature}`],
  ['a line break after it', `${good}\n`],
  ['two with a comma', `${good},${good}`],
  ['2 KiB of claims, well signed', signed({ note: 'x'.repeat(2_048) })],
  ['a megabyte', 'x'.repeat(1_000_000)],
  ['dots', '..'],
  ['nothing', ''],
  ['no JSON in the header', token('x', CLAIMS)],
  ['null as the header', token('null', CLAIMS)],
  ['no JSON in the claims', token(HEADER, 'x')],
  ['an array of claims', token(HEADER, [CLAIMS])],
  ['null as the claims', token(HEADER, 'null')],
  ['an end that is over', signed({ iat: NOW_S - 1_000, exp: NOW_S - 3 })],
  ['an end as text', signed({ exp: String(NOW_S + 900) })],
  ['an end beyond all numbers', token(HEADER, JSON.stringify(CLAIMS).replace(String(CLAIMS.exp), '1e999'))],
  ['an end in two days', signed({ exp: NOW_S + 172_800 })],
  ['a fraction of a second', signed({ exp: NOW_S + 900.5 })],
  ['not yet', signed({ nbf: NOW_S + 60 })],
  ['made in the future', signed({ iat: NOW_S + 60 })],
  ['made two days ago, and without an end near', signed({ iat: NOW_S - 200_000, exp: NOW_S + 1e9 })],
  ['another issuer', signed({ iss: 'load-lab2' })],
  ['issuers', signed({ iss: ['load-lab'] })],
  ['another audience', signed({ aud: 'load-lab' })],
  ['both audiences', signed({ aud: ['load-lab:workspace', 'load-lab:operator'] })],
  ['an array with the operator’s audience', signed({ aud: ['load-lab:operator'], sub: 'operator' })],
  ['an operator with a workspace', signed({ aud: 'load-lab:operator', sub: 'operator' })],
  ['an operator with the number of a user', token(HEADER, { iss: 'load-lab', aud: 'load-lab:operator', sub: '3', iat: NOW_S, exp: NOW_S + 900 })],
  ...(Object.keys(CLAIMS) as (keyof typeof CLAIMS)[]).map((name): [string, string] => [`no ${name}`, without(name)]),
  ...([0, -7, 7.5, '7', [7], { id: 7 }, null, true, 2 ** 31, '7 OR 1=1'] as unknown[]).map((ws): [string, string] => [`workspace ${JSON.stringify(ws)}`, signed({ ws })]),
  ...(['admin', 'Owner', '', ['owner'], null, 1, '__proto__'] as unknown[]).map((role): [string, string] => [`role ${JSON.stringify(role)}`, signed({ role })]),
  ...(['0', '-1', '3.0', '03', ' 3', '3 OR 1=1', '9999999999', 3, null, ['3']] as unknown[]).map((sub): [string, string] => [`user ${JSON.stringify(sub)}`, signed({ sub })]),
]

describe('a token', () => {
  it('is what was signed, by whichever of our keys', async () => {
    expect(await verifyToken(keys, good)).toEqual({ audience: 'workspace', user: 3, workspace: 7, role: 'member', expiresAtMs: CLAIMS.exp * 1_000 })
    expect(await verifyToken(keys, token({ ...HEADER, kid: older.kid }, CLAIMS, older.secret))).toBeDefined()
    const made = await signToken(keys, { audience: 'workspace', user: 3, workspace: 7, role: 'owner' })
    expect(JSON.parse(Buffer.from(made.split('.')[0]!, 'base64url').toString())).toEqual(HEADER)
    expect(await verifyToken(keys, made)).toMatchObject({ user: 3, workspace: 7, role: 'owner' })
    expect(await verifyToken(keys, await signToken(keys, { audience: 'operator' }))).toEqual({ audience: 'operator', expiresAtMs: expect.any(Number) as number })
  })

  it('ends when it says', async () => {
    const made = await signToken(keys, { audience: 'operator' })
    const at = (s: number) => verifyToken(keys, made, new Date(Date.now() + s * 1_000))
    expect([await at(TOKEN_LASTS_S - 5), await at(TOKEN_LASTS_S + 5)]).toEqual([expect.anything(), undefined])
  })

  it.each(ATTACKS)('is refused: %s', async (_what, attack) => expect(await verifyToken(keys, attack)).toBeUndefined())

  it('of another making, with a private key of its own, is refused', async () => {
    for (const [alg, pair] of [['RS256', rsa], ['PS256', rsa], ['ES256', ec]] as const) {
      const { createPrivateKey } = await import('node:crypto')
      const made = await new SignJWT(CLAIMS as unknown as JWTPayload).setProtectedHeader({ ...HEADER, alg }).sign(createPrivateKey(pair.privateKey))
      expect(await verifyToken(keys, made), alg).toBeUndefined()
    }
  })
})

describe('keys to sign with', () => {
  it('are read again for a kid that is new, once a second and not for each; one that was deleted ends', async () => {
    let ms = 0
    let reads = 0
    let rows = [older]
    const few = createSigningKeys(() => { reads += 1; return Promise.resolve(rows) }, () => ms)
    expect(await few.byKid(older.kid)).toEqual(createSecretKey(older.secret))
    for (let i = 0; i < 1_000; i++) expect(await few.byKid(`made-up-${i}`)).toBeUndefined()
    expect(reads).toBe(1)
    rows = [newer, older]
    ms = 1_001
    expect(await few.byKid(newer.kid)).toBeDefined()
    expect([(await few.newest()).kid, reads]).toEqual([newer.kid, 2])
    rows = [newer]
    ms = 4_000
    expect(await few.byKid(older.kid)).toBeUndefined()
  })

  it('go on for a minute while the database is away, and are not made up after', async () => {
    let ms = 0
    let away = false
    const few = createSigningKeys(() => (away ? Promise.reject(new Error('away')) : Promise.resolve([older])), () => ms)
    await few.newest()
    away = true
    ms = 59_000
    expect((await few.newest()).kid).toBe(older.kid)
    await expect(few.byKid('unknown')).resolves.toBeUndefined()
    ms = 61_000
    await expect(few.byKid(older.kid)).rejects.toThrow(/does not answer/)
    const empty = createSigningKeys(() => Promise.resolve([]))
    await expect(empty.newest()).rejects.toThrow(/has setup run/)
  })
})

describe('Authorization', () => {
  const rowsOf = (text: unknown) => (/signing_keys/.test(JSON.stringify(text)) ? table : /SELECT role/.test(JSON.stringify(text)) ? [{ role: 'viewer' }] : [])
  const query = (text: unknown) => Promise.resolve({ rows: rowsOf(text) })
  const pool = { query, connect: () => Promise.resolve({ query, release() {} }) } as unknown as pg.Pool
  const access = createAccess(createContext({ env: {}, knobs: {}, signal: new AbortController().signal }), pool)
  const by = (...given: string[]) => access.byToken({ headers: {}, headersDistinct: given.length === 0 ? {} : { authorization: given }, socket: {} } as unknown as IncomingMessage)
    .then((it) => it, (error: Refusal) => error.status)

  it('is one Bearer token; the role is the database’s', async () => {
    const member = { audience: 'workspace', user: 3, workspace: 7, role: 'viewer', expiresAtMs: CLAIMS.exp * 1_000 }
    expect(await Promise.all([by(`Bearer ${good}`), by(`bearer ${good}`), by(`BEARER   ${good}`)])).toEqual([member, member, member])
  })

  it.each([
    [[]], [['']], [['Bearer']], [['Bearer ']], [[good]], [[`Basic ${good}`]], [[`Bearer ${good} ${good}`]], [[`Bearer ${good}, Bearer ${good}`]], [[`Bearer ${good},`]], [[`Bearer\t${good}`]], [[`Bearer:${good}`]], [[` Bearer ${good}`]],
    [[`Bearer ${good}`, `Bearer ${good}`]], [[`Bearer "${good}"`]], [['Bearer null']], [['Bearer undefined']], [[`Token ${good}`]], [[`BearerBearer ${good}`]],
  ])('is refused: %j', async (given) => expect(await by(...given)).toBe(401))
})
