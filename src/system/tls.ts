import type { ConnectionOptions } from 'node:tls'
import type { Access } from './context.ts'

/** What a client's connection is told of TLS; undefined: none. */
export function tlsOf({ tls, ca }: Pick<Access, 'tls' | 'ca'>): ConnectionOptions | undefined {
  if (tls === 'off') return undefined
  return { rejectUnauthorized: tls === 'verify', ...(ca !== undefined && { ca }) }
}
