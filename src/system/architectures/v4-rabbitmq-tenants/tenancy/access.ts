import { timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type pg from 'pg'
import type { Context } from '../../../context.ts'
import { Refusal } from '../../../problem.ts'
import findApiKey from '../sql/find-api-key.sql?raw'
import findRole from '../sql/find-role.sql?raw'
import { createAllowances } from './allowances.ts'
import { readKey, type KeyParts } from './api-keys.ts'
import { createChecked } from './checked.ts'
import { networkOf } from './failed-logins.ts'
import { MAY, type Role } from './roles.ts'
import { scopedTo, tenantStatement } from './scoped.ts'
import { createSigningKeys, readSigningKeys, type SigningKeys } from './signing-keys.ts'
import { verifyToken } from './tokens.ts'

/** Whom an API key belongs to. */
export interface KeyHolder {
  workspace: number
  project: number
  /** The number of the key. */
  key: number
}

export type Principal =
  | { audience: 'workspace'; workspace: number; role: Role; user: number; expiresAtMs: number }
  | { audience: 'operator'; expiresAtMs: number }

export type Member = Extract<Principal, { audience: 'workspace' }>

export interface Access {
  /**
   * By `X-API-Key`. Rejects with a Refusal: 401 for no key, a malformed, an unknown or a revoked one (which of them, it does not say); 429 for
   * more unknown keys than anybody has; and with `Unavailable` when it cannot be known.
   */
  byKey(request: IncomingMessage): Promise<KeyHolder>
  /** By `Authorization: Bearer`. Rejects with a Refusal (401) or `Unavailable`. The role is the one that the database says, not the token. */
  byToken(request: IncomingMessage): Promise<Principal>
  /** Is it still so, this moment? For what changes something. Rejects with a Refusal: 401 when it is no member any more. */
  again(member: Member): Promise<Member>
  signingKeys: SigningKeys
  sizes(): { keys: ReturnType<ReturnType<typeof createChecked>['sizes']>; roles: ReturnType<ReturnType<typeof createChecked>['sizes']> }
}

/** A question that takes longer counts as unanswered. */
const WITHIN_MS = 800
const MOST = { something: 10_000, nothing: 10_000 }
/** Half of the connections. */
const ASKING = { atOnce: 2, waiting: 256 }
/** Keys that this process has never seen: a whole company's at once, then so many a second from one address, and from all. */
const FROM_ONE = { burst: 1_000, perSecond: 50, most: 1_000 }
const FROM_ALL = { burst: 2_000, perSecond: 200, most: 1 }
const FIND_KEY = tenantStatement('find-api-key', findApiKey)
const FIND_ROLE = tenantStatement('find-role', findRole)
/** RFC 9110: the name of a scheme is of either case, and one or more spaces follow. Two tokens are none. */
const BEARER = /^Bearer +([^ ,]+)$/i

/** Who is it, and may it? `pool`: four connections of its own, as `lab_api`, so that no slow statement keeps the questions waiting. */
export function createAccess(_context: Context, pool: pg.Pool): Access {
  const now = () => performance.now()
  const signingKeys = createSigningKeys(() => readSigningKeys(pool))
  const fromOne = createAllowances(FROM_ONE)
  const fromAll = createAllowances(FROM_ALL)
  const keys = createChecked<KeyParts, KeyHolder>({ now, most: MOST, asking: ASKING, ask: (parts) => holderOf(pool, parts) })
  const roles = createChecked<{ workspace: number; user: number }, Role>({ now, most: MOST, asking: ASKING, ask: (it) => roleOf(pool, it) })

  function mayAskFor(request: IncomingMessage): void {
    // Who has had enough takes nothing of what all share.
    const waitMs = fromOne(networkOf(request.socket.remoteAddress ?? ''), now()) || fromAll('', now())
    if (waitMs === 0) return
    const retryAfterS = Math.max(1, Math.ceil(waitMs / 1_000))
    throw new Refusal(429, { error: `too many keys that are not known: try again in ${retryAfterS} s`, retryAfterS })
  }

  return {
    signingKeys,
    sizes: () => ({ keys: keys.sizes(), roles: roles.sizes() }),
    async byKey(request) {
      const given = request.headers['x-api-key']
      if (given === undefined) throw new Refusal(401, { error: 'X-API-Key is missing' })
      const parts = readKey(given)
      const holder = parts && await keys.get(parts.sha256.toString('latin1'), parts, () => mayAskFor(request))
      if (holder === undefined) throw new Refusal(401, { error: 'X-API-Key is not a valid key' })
      return holder
    },
    async byToken(request) {
      const claims = await verifyToken(signingKeys, bearerOf(request))
      if (claims === undefined) throw invalidToken()
      if (claims.audience === 'operator') return claims
      const role = await roles.get(`${claims.workspace}:${claims.user}`, claims)
      if (role === undefined) throw invalidToken()
      return { ...claims, role }
    },
    async again(member) {
      const role = await roles.now(`${member.workspace}:${member.user}`, member)
      if (role === undefined) throw invalidToken()
      return { ...member, role }
    },
  }
}

function bearerOf(request: IncomingMessage): string {
  const given = request.headersDistinct['authorization'] ?? (request.headers.authorization === undefined ? [] : [request.headers.authorization])
  if (given.length === 0) throw new Refusal(401, { error: 'Authorization is missing: expected Bearer and a token' })
  const token = given.length === 1 ? BEARER.exec(given[0]!)?.[1] : undefined
  if (token === undefined) throw new Refusal(401, { error: 'Authorization is not one Bearer token' })
  return token
}

function invalidToken(): Refusal {
  return new Refusal(401, { error: 'the token is not valid (any more): log in again' })
}

async function holderOf(pool: pg.Pool, { workspace, prefix, sha256 }: KeyParts): Promise<KeyHolder | undefined> {
  const rows = await scopedTo(pool, workspace).query<{ id: number; project_id: number; sha256: Buffer }>(FIND_KEY, [prefix], { withinMs: WITHIN_MS })
  const found = rows.find((it) => timingSafeEqual(it.sha256, sha256))
  return found && { workspace, project: found.project_id, key: found.id }
}

async function roleOf(pool: pg.Pool, { workspace, user }: { workspace: number; user: number }): Promise<Role | undefined> {
  return (await scopedTo(pool, workspace).query<{ role: Role }>(FIND_ROLE, [user], { withinMs: WITHIN_MS }))[0]?.role
}

/** 403 unless the role is one of those that may. An operator looks at everything, and has no workspace to do something in. */
export function memberWho(principal: Principal, may: keyof typeof MAY): Member {
  if (principal.audience !== 'workspace') throw new Refusal(403, { error: 'this is for members of a workspace' })
  const roles: readonly Role[] = MAY[may]
  if (!roles.includes(principal.role)) throw new Refusal(403, { error: `your role is ${principal.role}: this is for ${roles.join(' and ')}` })
  return principal
}
