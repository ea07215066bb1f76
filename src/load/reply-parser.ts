/**
 * Every reply that is not an ordinary one: split over packets, chunked, after a 1xx, without a body, until the end of
 * the stream, or garbage. http-parser-js does the reading; what it is lax about is refused here.
 */
import { HTTPParser } from 'http-parser-js'
import { BODY_START_BYTES, type Reply } from './http-reply.ts'

export interface ReplyParser {
  /** Complete once `read` or `end` said `done`. */
  readonly reply: Reply
  /** Bytes as they came. `done` fills the reply; `bad` means the stream makes no sense any more. */
  read(bytes: Buffer): 'more' | 'done' | 'bad'
  /** The server ended the stream: `done` if that ended the body, otherwise the reply is cut off. */
  end(): 'done' | 'bad'
}

/** For one reply. */
export function replyParser(): ReplyParser {
  const parser = new HTTPParser(HTTPParser.RESPONSE)
  /** Where the parser stands: not in its types. */
  const inside = parser as unknown as { offset: number; end: number; state: string; consumeLine(): string | undefined }
  let complete = false
  let broken = false
  const reply: Reply = { status: 0, retryAfterS: 0, close: false, bodyStart: '' }

  // It takes a chunk length that is no number for the end of the body.
  const { consumeLine } = inside
  inside.consumeLine = () => {
    const isChunkHead = inside.state === 'BODY_CHUNKHEAD'
    const line = consumeLine.call(inside)
    if (isChunkHead && line !== undefined && !/^[0-9a-f]{1,8}[ \t]*(;|$)/i.test(line)) broken = true
    return line
  }
  parser[HTTPParser.kOnHeadersComplete] = (info) => {
    if (complete) return 1
    reply.status = info.statusCode
    reply.close = !info.shouldKeepAlive
    broken ||= info.statusCode < 100 || info.statusCode === 101 || info.statusCode > 599
    readHeaders(info.headers)
    // Never a body, whatever the headers say (RFC 9112, 6.3).
    return info.statusCode === 204 || info.statusCode === 304 ? 1 : 0
  }
  parser[HTTPParser.kOnBody] = (chunk, offset, length) => {
    if (complete || (reply.status >= 200 && reply.status < 300) || reply.bodyStart.length >= BODY_START_BYTES) return
    const wanted = Math.min(length, BODY_START_BYTES - reply.bodyStart.length)
    reply.bodyStart += chunk.toString('latin1', offset, offset + wanted)
  }
  parser[HTTPParser.kOnMessageComplete] = () => {
    if (complete || reply.status < 200) return
    complete = true
    // Bytes beyond the reply answer nothing: whatever they are, this connection is out of step.
    if (inside.offset < inside.end) reply.close = true
  }

  function readHeaders(headers: string[]): void {
    for (let i = 0; i + 1 < headers.length; i += 2) {
      const name = headers[i]!.toLowerCase()
      const value = headers[i + 1]!
      if (name === 'content-length' && !/^\d{1,15}$/.test(value)) broken = true
      else if (name === 'transfer-encoding' && value.toLowerCase() !== 'chunked') broken = true
      else if (name === 'retry-after' && /^\d{1,9}$/.test(value)) reply.retryAfterS = Number(value)
    }
  }

  return {
    reply,
    read(bytes) {
      let failed: boolean
      try {
        failed = typeof parser.execute(bytes) !== 'number'
      } catch {
        failed = true
      }
      if (broken) return 'bad'
      if (complete) return 'done'
      return failed ? 'bad' : 'more'
    },
    end() {
      if (broken || complete) return 'bad'
      const failed = parser.finish() instanceof Error
      reply.close = true
      return complete && !failed ? 'done' : 'bad'
    },
  }
}
