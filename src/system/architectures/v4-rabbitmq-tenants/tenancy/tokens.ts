import type { KeyObject } from 'node:crypto'
import { errors, jwtVerify, SignJWT, type CompactJWSHeaderParameters, type JWTPayload } from 'jose'
import { isRole, type Role } from './roles.ts'
import type { SigningKeys } from './signing-keys.ts'

export const ISSUER = 'load-lab'
export const AUDIENCES = { workspace: 'load-lab:workspace', operator: 'load-lab:operator' } as const
export const TOKEN_LASTS_S = 15 * 60
/** Clocks of processes on one network. */
const CLOCK_TOLERANCE_S = 2
/** Whatever it says of its own end. */
const NEVER_OLDER_THAN_S = 24 * 60 * 60
const MAX_LENGTH = 2_048
const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/
const KID = /^[A-Za-z0-9_-]{1,64}$/
const HEADER = ['alg', 'kid', 'typ']
const NUMBER = /^[1-9]\d{0,9}$/

/** What a token says, signed by us. Whether it still holds (membership, role) is asked of the database. */
export type Claims =
  | { audience: 'workspace'; user: number; workspace: number; role: Role; expiresAtMs: number }
  | { audience: 'operator'; expiresAtMs: number }

export type Subject = { audience: 'workspace'; user: number; workspace: number; role: Role } | { audience: 'operator' }

/** A JWT (RFC 7519): HS256, one audience, from now on for so long. */
export async function signToken(keys: SigningKeys, subject: Subject, lastsS = TOKEN_LASTS_S): Promise<string> {
  const { kid, secret } = await keys.newest()
  const claims = subject.audience === 'workspace' ? { ws: subject.workspace, role: subject.role } : {}
  return await new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT', kid })
    .setIssuer(ISSUER)
    .setAudience(AUDIENCES[subject.audience])
    .setSubject(subject.audience === 'workspace' ? String(subject.user) : 'operator')
    .setIssuedAt()
    .setExpirationTime(`${lastsS}s`)
    .sign(secret)
}

/**
 * Undefined for whatever is not exactly such a token: why is nobody's business. Throws `Unavailable` when the keys cannot be read.
 * The algorithm is ours to say and not the token's; the header may name one of our keys, and nothing else (no `jwk`, `jku`, `x5u`, `crit`).
 */
export async function verifyToken(keys: SigningKeys, token: string, now: Date = new Date()): Promise<Claims | undefined> {
  if (token.length > MAX_LENGTH || !COMPACT.test(token)) return undefined
  try {
    const { payload } = await jwtVerify(token, (header) => keyFor(keys, header), {
      algorithms: ['HS256'],
      typ: 'JWT',
      issuer: ISSUER,
      audience: Object.values(AUDIENCES),
      requiredClaims: ['sub', 'iat', 'exp'],
      maxTokenAge: NEVER_OLDER_THAN_S,
      clockTolerance: CLOCK_TOLERANCE_S,
      currentDate: now,
    })
    return claimsOf(payload)
  } catch (error) {
    if (error instanceof errors.JOSEError) return undefined
    throw error
  }
}

async function keyFor(keys: SigningKeys, header: CompactJWSHeaderParameters): Promise<KeyObject> {
  const known = Object.keys(header).every((it) => HEADER.includes(it))
  const kid: unknown = header.kid
  const key = known && typeof kid === 'string' && KID.test(kid) ? await keys.byKid(kid) : undefined
  if (key === undefined) throw new errors.JWSInvalid('no key of ours')
  return key
}

function claimsOf({ aud, sub, ws, role, iat, exp }: JWTPayload & { ws?: unknown; role?: unknown }): Claims | undefined {
  // 1e999 is a number to JSON, and without an end to us.
  if (!Number.isSafeInteger(exp) || exp! - iat! > NEVER_OLDER_THAN_S) return undefined
  const expiresAtMs = exp! * 1_000
  if (aud === AUDIENCES.operator) return sub === 'operator' && ws === undefined && role === undefined ? { audience: 'operator', expiresAtMs } : undefined
  // An array of audiences is nothing that we sign.
  if (aud !== AUDIENCES.workspace || typeof sub !== 'string' || !NUMBER.test(sub)) return undefined
  if (!Number.isInteger(ws) || (ws as number) < 1 || (ws as number) > 0x7fff_ffff || Number(sub) > 0x7fff_ffff || !isRole(role)) return undefined
  return { audience: 'workspace', user: Number(sub), workspace: ws as number, role, expiresAtMs }
}
