import { createSecretKey, randomBytes, type KeyObject } from 'node:crypto'
import type pg from 'pg'
import { Unavailable } from '../../../architecture.ts'
import { reasonOf } from '../../../reason.ts'
import { TRUST } from './checked.ts'

/** What tokens are signed with, by kid. The newest signs; all verify, so a new one is simply added. */
export interface SigningKeys {
  newest(): Promise<{ kid: string; secret: KeyObject }>
  /** Undefined: there is no such key. Throws {@link Unavailable} when that is not known. */
  byKid(kid: string): Promise<KeyObject | undefined>
}

/** Of a kid that is not known the table is read again, but no more often than this: unknown ones are free to make up. */
const UNKNOWN_EVERY_MS = 1_000
const WITHIN_MS = 800

type Table = Map<string, KeyObject>

/** The table in memory: few rows, read again when they are a few seconds old. A kid is looked up among them, and goes nowhere else. */
export function createSigningKeys(query: () => Promise<{ kid: string; secret: Buffer }[]>, now: () => number = () => performance.now()): SigningKeys {
  let table: Table = new Map()
  let readMs = -Infinity
  let triedMs = -Infinity
  let reading: Promise<void> | undefined

  function read(): Promise<void> {
    const startedMs = now()
    triedMs = startedMs
    reading ??= query().then((rows) => {
      table = new Map(rows.map(({ kid, secret }) => [kid, createSecretKey(secret)]))
      readMs = startedMs
    }).finally(() => { reading = undefined })
    return reading
  }

  /** As fresh as it can be had: while the database is away what was there goes on, for a bounded time. */
  async function current(): Promise<Table> {
    const ageMs = now() - readMs
    if (ageMs <= TRUST.freshMs) return table
    if (ageMs <= TRUST.graceMs && now() - triedMs < TRUST.awayMs && reading === undefined) return table
    try {
      await read()
    } catch (error) {
      if (now() - readMs > TRUST.graceMs) throw new Unavailable(`PostgreSQL does not answer: ${reasonOf(error)}`)
    }
    return table
  }

  return {
    async newest() {
      const [kid, secret] = (await current()).entries().next().value ?? []
      if (kid === undefined || secret === undefined) throw new Unavailable('there is no key to sign tokens with: has setup run?', 5)
      return { kid, secret }
    },
    async byKid(kid) {
      const known = (await current()).get(kid)
      if (known !== undefined || now() - triedMs < UNKNOWN_EVERY_MS) return known
      await read().catch((error: unknown) => { throw new Unavailable(`PostgreSQL does not answer: ${reasonOf(error)}`) })
      return table.get(kid)
    },
  }
}

/** Newest first. Not a tenant's, so it needs no workspace. */
export async function readSigningKeys(pool: pg.Pool | pg.ClientBase): Promise<{ kid: string; secret: Buffer }[]> {
  const statement = { name: 'signing-keys', text: 'SELECT kid, secret FROM signing_keys ORDER BY created_at DESC, kid', query_timeout: WITHIN_MS }
  return (await pool.query<{ kid: string; secret: Buffer }>(statement)).rows
}

/** A key of our own making: its name tells nothing, and cannot be mistaken for a path or anything else. */
export function newSigningKey(): { kid: string; secret: Buffer } {
  return { kid: randomBytes(8).toString('hex'), secret: randomBytes(32) }
}
