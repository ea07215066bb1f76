import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readSimpleReply, type Reply } from '../../src/load/http-reply.ts'
import { replyParser } from '../../src/load/reply-parser.ts'

const blank = (): Reply => ({ status: 0, retryAfterS: 0, close: false, bodyStart: '' })

function simple(text: string): Reply | undefined {
  // Stale bytes of an earlier, longer reply lie behind: they must not be read.
  const bytes = Buffer.from(text + 'Content-Length: 3\r\n\r\nabc\r\nTransfer-Encoding: chunked', 'latin1')
  const reply = blank()
  return readSimpleReply(bytes, text.length, reply) ? reply : undefined
}

/** Feeds the parts to a parser; what it says in the end. */
function parsed(parts: readonly string[], end = false): { outcome: string; reply: Reply } {
  const parser = replyParser()
  let outcome = 'more'
  for (const part of parts) if (outcome === 'more' && part !== '') outcome = parser.read(Buffer.from(part, 'latin1'))
  if (end && outcome === 'more') outcome = parser.end()
  return { outcome, reply: parser.reply }
}

describe('the fast path takes', () => {
  test.each([
    ['a plain 202', 'HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}', { status: 202 }],
    ['any case, no blank, other headers', 'HTTP/1.1 201 Created\r\nDate: x\r\ncontent-LENGTH:0\r\nConnection: Keep-Alive\r\nCache-Control: y\r\n\r\n', { status: 201 }],
    ['no reason phrase', 'HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n', { status: 200 }],
    ['a 503 with Retry-After and body', 'HTTP/1.1 503 No\r\nRetry-After: 2\r\nContent-Length: 4\r\n\r\nfull', { status: 503, retryAfterS: 2, bodyStart: 'full' }],
    ['Retry-After as a date: ignored', 'HTTP/1.1 503 No\r\nRetry-After: Wed, 21 Oct\r\nContent-Length: 0\r\n\r\n', { status: 503, retryAfterS: 0 }],
  ])('%s', (_name, text, expected) => {
    expect(simple(text)).toEqual({ ...blank(), ...expected })
  })
})

describe('the fast path leaves to the parser', () => {
  test.each([
    ['a body that is not all there', 'HTTP/1.1 202 A\r\nContent-Length: 5\r\n\r\n{}'],
    ['more than the body', 'HTTP/1.1 202 A\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 202 A'],
    ['half a head', 'HTTP/1.1 202 A\r\nContent-Le'],
    ['a head without its end', 'HTTP/1.1 202 A\r\nContent-Length: 2\r\n'],
    ['no length', 'HTTP/1.1 202 A\r\n\r\n{}'],
    ['two lengths', 'HTTP/1.1 202 A\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}'],
    ['a length that is no number', 'HTTP/1.1 202 A\r\nContent-Length: +2\r\n\r\n{}'],
    ['chunked', 'HTTP/1.1 202 A\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n'],
    ['Connection: close', 'HTTP/1.1 202 A\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}'],
    ['100', 'HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n'],
    ['204', 'HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n'],
    ['HTTP/1.0', 'HTTP/1.0 202 A\r\nContent-Length: 2\r\n\r\n{}'],
    ['bare line feeds', 'HTTP/1.1 202 A\nContent-Length: 2\n\n{}'],
    ['a folded header', 'HTTP/1.1 202 A\r\nX: y\r\n z\r\nContent-Length: 2\r\n\r\n{}'],
    ['garbage', 'SSH-2.0-OpenSSH_9.2p1 Debian'],
  ])('%s', (_name, text) => {
    expect(simple(text)).toBeUndefined()
  })
})

describe('the parser', () => {
  test.each([
    ['split within the status line', ['HTT', 'P/1.1 202 A\r\nContent-Length: 2\r\n\r\n', '{}'], { status: 202 }],
    ['chunked with extension and trailer', ['HTTP/1.1 202 A\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\n{}\r\n0\r\nT: u\r\n\r\n'], { status: 202 }],
    ['after two 1xx', ['HTTP/1.1 100 C\r\n\r\nHTTP/1.1 103 E\r\nLink: x\r\n\r\n', 'HTTP/1.1 201 A\r\nContent-Length: 0\r\n\r\n'], { status: 201 }],
    ['204 without a length', ['HTTP/1.1 204 N\r\n\r\n'], { status: 204 }],
    ['304 with the length of what it does not send', ['HTTP/1.1 304 N\r\nContent-Length: 99\r\n\r\n'], { status: 304 }],
    ['Connection: close', ['HTTP/1.1 202 A\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}'], { status: 202, close: true }],
    ['HTTP/1.0', ['HTTP/1.0 202 A\r\nContent-Length: 2\r\n\r\n{}'], { status: 202, close: true }],
    ['bytes behind the reply', ['HTTP/1.1 202 A\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 503 A\r\nContent-Length: 0\r\n\r\n'], { status: 202, close: true }],
    ['an error, its body in parts', ['HTTP/1.1 500 A\r\nContent-Length: 4\r\n\r\nno', 'pe'], { status: 500, bodyStart: 'nope' }],
  ])('%s', (_name, parts, expected) => {
    expect(parsed(parts)).toEqual({ outcome: 'done', reply: { ...blank(), ...expected } })
  })

  test('a body until the end of the stream', () => {
    expect(parsed(['HTTP/1.1 202 A\r\n\r\n{', '}'], true)).toMatchObject({ outcome: 'done', reply: { status: 202, close: true } })
  })

  test.each([
    ['the stream ends within the head', ['HTTP/1.1 202 A\r\nConte']],
    ['the stream ends within the body', ['HTTP/1.1 202 A\r\nContent-Length: 9\r\n\r\n{}']],
    ['the stream ends within a chunk', ['HTTP/1.1 202 A\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{}']],
    ['garbage', ['SSH-2.0-OpenSSH\r\n']],
    ['101', ['HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n']],
    ['lengths that differ', ['HTTP/1.1 202 A\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}']],
    ['a length below zero', ['HTTP/1.1 202 A\r\nContent-Length: -2\r\n\r\n{}']],
    ['an unknown transfer coding', ['HTTP/1.1 202 A\r\nTransfer-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}']],
    ['a chunk length that is none', ['HTTP/1.1 202 A\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n']],
  ])('bad: %s', (_name, parts) => {
    expect(parsed(parts, true).outcome).toBe('bad')
  })

  test('keeps only the beginning of an error page', () => {
    const { reply } = parsed([`HTTP/1.1 500 A\r\nContent-Length: 100000\r\n\r\n${'x'.repeat(100_000)}`])
    expect(reply.bodyStart).toBe('x'.repeat(200))
  })
})

const body = fc.string({ maxLength: 300, unit: fc.integer({ min: 32, max: 126 }).map((code) => String.fromCharCode(code)) })
const chunked = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`
const reply = fc
  .record({ status: fc.integer({ min: 200, max: 599 }).filter((status) => status !== 204 && status !== 304), body, chunks: fc.boolean(), early: fc.boolean() })
  .map(({ status, body, chunks, early }) => {
    const framing = chunks && body.length > 0 ? ['Transfer-Encoding: chunked', chunked(body)] : [`Content-Length: ${body.length}`, body]
    return { status, text: `${early ? 'HTTP/1.1 100 Continue\r\n\r\n' : ''}HTTP/1.1 ${status} X\r\nDate: now\r\n${framing[0]}\r\n\r\n${framing[1]}` }
  })

test('however a reply is split over packets, it is the same reply, and done with its last byte', () => {
  fc.assert(
    fc.property(reply, fc.array(fc.nat(600), { maxLength: 6 }), ({ status, text }, cuts) => {
      const at = [0, ...cuts.map((cut) => cut % text.length).sort((a, b) => a - b), text.length]
      const parts = at.slice(1).map((end, i) => text.slice(at[i], end))
      expect(parsed(parts)).toMatchObject({ outcome: 'done', reply: { status, close: false } })
      expect(parsed([text.slice(0, -1)]).outcome).toBe('more')
    }),
  )
})

test('fast path and parser agree on whatever the fast path takes', () => {
  fc.assert(
    fc.property(reply, fc.nat(400), fc.integer({ min: 32, max: 126 }), fc.boolean(), ({ text }, where, code, damage) => {
      const at = where % text.length
      const sent = damage ? text.slice(0, at) + String.fromCharCode(code) + text.slice(at + 1) : text
      const fast = simple(sent)
      if (fast) expect(parsed([sent])).toEqual({ outcome: 'done', reply: fast })
    }),
    { numRuns: 2_000 },
  )
})

test('no bytes make the parser throw', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string(), fc.constantFrom('HTTP/1.1 200 OK\r\n', 'Content-Length: 3\r\n', '\r\n', 'Transfer-Encoding: chunked\r\n', '3\r\n')), { maxLength: 8 }), (parts) => {
      expect(['more', 'done', 'bad']).toContain(parsed(parts, true).outcome)
    }),
  )
})
