import { createHash, randomBytes } from 'node:crypto'

/** What a key says of itself. The workspace says where to look; whether it is one, only the hash does. */
export interface KeyParts {
  workspace: number
  prefix: string
  /** SHA-256 of the whole text. */
  sha256: Buffer
}

/** `lk_<workspace>_<12 characters to look it up by>_<32 random bytes>`: the last two of base64url, which has `_` in it, so by their lengths. */
const KEY = /^lk_([1-9]\d{0,9})_([A-Za-z0-9_-]{12})_[A-Za-z0-9_-]{43}$/
const MAX_WORKSPACE = 0x7fff_ffff

/** A new key; its text is in nobody's hands but the caller's, and is never seen again. 256 random bits need no slow hash. */
export function makeKey(workspace: number): KeyParts & { text: string } {
  const prefix = randomBytes(9).toString('base64url')
  const text = `lk_${workspace}_${prefix}_${randomBytes(32).toString('base64url')}`
  return { workspace, prefix, text, sha256: sha256Of(text) }
}

/** Undefined: this was never a key, and no database need be asked. */
export function readKey(text: unknown): KeyParts | undefined {
  if (typeof text !== 'string' || text.length > 80) return undefined
  const [, number, prefix] = KEY.exec(text) ?? []
  const workspace = Number(number)
  if (prefix === undefined || workspace > MAX_WORKSPACE) return undefined
  return { workspace, prefix, sha256: sha256Of(text) }
}

function sha256Of(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
