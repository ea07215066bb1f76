import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { boundedTurns } from './turns.ts'

/**
 * One of the settings that OWASP's password storage cheat sheet holds equal: 32 MiB, three times over. A hash takes about a quarter of a second
 * of one core. https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#scrypt
 */
const COST = { log2N: 15, r: 8, p: 3 }
const SALT_BYTES = 16
const HASH_BYTES = 32
/** libuv's pool has four threads, and files and names are looked up in it too. */
const AT_ONCE = 2
/** They wait four seconds, at most; more would be a queue that nobody waits for. */
const WAITING = 32
/** What a stored hash may ask for, whoever stored it: 256 MiB. */
const MOST_MEMORY_BYTES = 256 * 1024 * 1024
export const PASSWORD_CHARACTERS = { min: 12, max: 256 }

export interface Passwords {
  /** `$scrypt$ln=15,r=8,p=3$<salt>$<hash>`, base64 without padding. Throws `Unavailable` when too many wait. */
  hash(password: string): Promise<string>
  /** Takes as long when nothing, or nothing that can be used, is stored. Throws `Unavailable` when too many wait. */
  verify(password: string, stored: string | undefined): Promise<boolean>
}

interface Hashed {
  log2N: number
  r: number
  p: number
  salt: Buffer
  hash: Buffer
}

/** Hashing for one process: so many at once, so many waiting, the rest refused. A flood of logins costs 64 MiB and two threads. */
export function createPasswords(): Passwords {
  const nobodys: Hashed = { ...COST, salt: randomBytes(SALT_BYTES), hash: randomBytes(HASH_BYTES) }
  const bounded = boundedTurns({ atOnce: AT_ONCE, waiting: WAITING, what: 'passwords to look at' })
  return {
    async hash(password) {
      const salt = randomBytes(SALT_BYTES)
      const hash = await bounded(() => derive(password, { ...COST, salt }, HASH_BYTES))
      return `$scrypt$ln=${COST.log2N},r=${COST.r},p=${COST.p}$${unpadded(salt)}$${unpadded(hash)}`
    },
    async verify(password, stored) {
      const parsed = stored === undefined ? undefined : parseHash(stored)
      const against = parsed ?? nobodys
      const hash = await bounded(() => derive(password, against, against.hash.length))
      return timingSafeEqual(hash, against.hash) && parsed !== undefined
    },
  }
}

/** Undefined: no such hash, or one that asks for more than we give. */
export function parseHash(stored: string): Hashed | undefined {
  const [, log2N, r, p, salt = '', hash = ''] = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{22,86})\$([A-Za-z0-9+/]{43,86})$/.exec(stored) ?? []
  if (log2N === undefined) return undefined
  const parsed = { log2N: Number(log2N), r: Number(r), p: Number(p), salt: Buffer.from(salt, 'base64'), hash: Buffer.from(hash, 'base64') }
  const sound = parsed.log2N >= 15 && parsed.r >= 1 && parsed.p >= 1 && memoryBytes(parsed) <= MOST_MEMORY_BYTES
  return sound ? parsed : undefined
}

function memoryBytes({ log2N, r, p }: Pick<Hashed, 'log2N' | 'r' | 'p'>): number {
  return 128 * r * (2 ** log2N + p) + 1024 * 1024
}

/** The same text however it was typed: https://www.unicode.org/reports/tr15/ (NFKC). */
function derive(password: string, { log2N, r, p, salt }: Omit<Hashed, 'hash'>, bytes: number): Promise<Buffer> {
  const options = { N: 2 ** log2N, r, p, maxmem: memoryBytes({ log2N, r, p }) }
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFKC'), salt, bytes, options, (error, key) => (error ? reject(error) : resolve(key)))
  })
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '')
}
