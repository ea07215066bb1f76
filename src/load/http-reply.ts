/** Reads the ordinary reply (one packet, Content-Length, nothing special) without a parser. */

export interface Reply {
  status: number
  /** From `Retry-After` in seconds; 0 when absent or not a number. */
  retryAfterS: number
  /** The server will close, or the stream cannot be trusted any more. */
  close: boolean
  /** The first bytes of the body of anything but a 2xx. */
  bodyStart: string
}

export const BODY_START_BYTES = 200

const HTTP11 = [...'HTTP/1.1 '].map((c) => c.charCodeAt(0))
const CR = 13
const LF = 10
const ZERO = 48
const NINE = 57

/**
 * Fills `reply` and returns true if `bytes[0, length)` is exactly one reply whose end is certain: HTTP/1.1, status 200
 * to 599 but not 204 or 304, one Content-Length, no Transfer-Encoding, no Connection but keep-alive. Otherwise returns
 * false and leaves `reply` undefined: the parser decides. About 0.3 µs for a reply of 250 bytes.
 */
export function readSimpleReply(bytes: Buffer, length: number, reply: Reply): boolean {
  if (length < 19) return false
  for (let i = 0; i < 9; i++) if (bytes[i] !== HTTP11[i]) return false
  const status = digits(bytes, 9, 12)
  if (status < 200 || status > 599 || status === 204 || status === 304 || (bytes[12] !== 32 && bytes[12] !== CR)) return false
  let contentLength = -1
  reply.retryAfterS = 0
  let at = nextLine(bytes, 12, length)
  while (at > 0 && bytes[at] !== CR) {
    const next = nextLine(bytes, at, length)
    if (next < 0) return false
    switch (bytes[at]! | 0x20) {
      case 0x63: // c
        if (isHeader(bytes, at, 'content-length:')) {
          if (contentLength !== -1) return false
          contentLength = digits(bytes, skipBlanks(bytes, at + 15), next - 2)
          if (contentLength < 0) return false
        } else if (isHeader(bytes, at, 'connection:') && !isHeader(bytes, skipBlanks(bytes, at + 11), 'keep-alive\r\n')) return false
        break
      case 0x72: // r
        if (isHeader(bytes, at, 'retry-after:')) reply.retryAfterS = Math.max(0, digits(bytes, skipBlanks(bytes, at + 12), next - 2))
        break
      case 0x74: // t
        if (isHeader(bytes, at, 'transfer-encoding:')) return false
        break
      case 0x20: // a folded line
        return false
    }
    at = next
  }
  if (at < 0 || contentLength < 0 || bytes[at + 1] !== LF || at + 2 + contentLength !== length) return false
  reply.status = status
  reply.close = false
  reply.bodyStart = status < 300 ? '' : bytes.toString('latin1', at + 2, Math.min(length, at + 2 + BODY_START_BYTES))
  return true
}

/** The number in `bytes[from, to)`, or -1 unless it is one to nine digits. */
function digits(bytes: Buffer, from: number, to: number): number {
  if (to <= from || to - from > 9) return -1
  let value = 0
  for (let i = from; i < to; i++) {
    const byte = bytes[i]!
    if (byte < ZERO || byte > NINE) return -1
    value = value * 10 + byte - ZERO
  }
  return value
}

/** Where the next line begins, or -1 if this one does not end in CR LF within the bytes: neither alone is an end, or anything else. */
function nextLine(bytes: Buffer, from: number, length: number): number {
  let at = from
  while (at < length && bytes[at] !== CR && bytes[at] !== LF) at++
  return at + 1 < length && bytes[at] === CR && bytes[at + 1] === LF ? at + 2 : -1
}

function skipBlanks(bytes: Buffer, from: number): number {
  let at = from
  while (bytes[at] === 32) at++
  return at
}

/** Does the text (lower case) stand at `at`, whatever its case there? */
function isHeader(bytes: Buffer, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const byte = bytes[at + i]!
    if ((byte >= 65 && byte <= 90 ? byte | 0x20 : byte) !== text.charCodeAt(i)) return false
  }
  return true
}
