import { STATUS_CODES, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { answerFor, CHALLENGE } from './problem.ts'

export const SOCKET_PATH = '/ws/dashboard'
/** The one subprotocol that is ever agreed on. */
export const SUBPROTOCOL = 'lab.dashboard'
/** A browser can set no headers on a socket: it offers its token as a second subprotocol, `lab.dashboard, bearer.<token>`. */
const BEARER = 'bearer.'

/** A page of another site must not read the dashboard with its visitor's address: an Origin must be our own host. */
export function upgradeProblem(request: Pick<IncomingMessage, 'url' | 'headers'>): string | undefined {
  if (request.url?.split('?', 1)[0] !== SOCKET_PATH) return '404 Not Found'
  const { origin, host } = request.headers
  if (origin === undefined) return undefined
  return URL.canParse(origin) && new URL(origin).host === host ? undefined : '403 Forbidden'
}

/**
 * The token of an upgrade stands in the Authorization header, as with any request; where there is none it is taken there from the
 * subprotocols. Never from the URL: URLs are written into logs.
 */
export function takeToken(request: Pick<IncomingMessage, 'headers'>): void {
  const { headers } = request
  if (headers.authorization !== undefined) return
  const offered = headers['sec-websocket-protocol']?.split(',').map((it) => it.trim()).find((it) => it.startsWith(BEARER))
  if (offered !== undefined) headers.authorization = `Bearer ${offered.slice(BEARER.length)}`
}

/** What was offered beside it may be a token, and is not sent back. */
export function chooseProtocol(offered: ReadonlySet<string>): string | false {
  return offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false
}

/** Answers an upgrade with a status in place of a socket. */
export function refuseUpgrade(stream: Duplex, statusLine: string, headers: Record<string, string> = {}, body = ''): void {
  const lines = Object.entries({ connection: 'close', 'content-length': String(Buffer.byteLength(body)), ...headers }).map(([name, value]) => `${name}: ${value}\r\n`)
  stream.on('error', () => {})
  stream.once('finish', () => stream.destroy())
  stream.end(`HTTP/1.1 ${statusLine}\r\n${lines.join('')}\r\n${body}`)
}

/** As an HTTP request with that error would be answered. Returns false for a fault of ours, which is answered with 500. */
export function refuseFor(stream: Duplex, error: unknown): boolean {
  const { status, body } = answerFor(error) ?? { status: 500, body: { error: 'internal error' } }
  const headers = {
    'content-type': 'application/json; charset=utf-8',
    ...(status === 401 && { 'www-authenticate': CHALLENGE }),
    ...('retryAfterS' in body && { 'retry-after': String(body.retryAfterS) }),
  }
  refuseUpgrade(stream, `${status} ${STATUS_CODES[status] ?? 'Error'}`, headers, JSON.stringify(body))
  return status !== 500
}
