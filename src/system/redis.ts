import { createHash } from 'node:crypto'
import { Redis, type RedisOptions } from 'ioredis'
import type { Context } from './context.ts'
import { tlsOf } from './tls.ts'

/**
 * A connection that never hides an outage: nothing is queued while it is away, nothing is sent twice on reconnecting
 * (a command whose connection broke may have run), and what was in flight fails at once.
 */
export function connectRedis(context: Context, purpose: string, more: RedisOptions = {}): Redis {
  const { host, port } = context.address('redis')
  const { user, password, database, namespace, ...tls } = context.access('redis')
  const secured = tlsOf(tls)
  const redis = new Redis({
    host,
    port,
    username: user,
    password,
    db: Number(database ?? 0),
    keyPrefix: namespace === '' ? '' : `${namespace}:`,
    ...(secured && { tls: secured }),
    connectionName: purpose,
    protocol: 2,
    disableClientInfo: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 1_000,
    disconnectTimeout: 500,
    retryStrategy: (attempt) => Math.min(25 * attempt, 250),
    ...more,
  })
  let away = false
  redis.on('error', (error: Error) => {
    if (!away) context.log(`redis (${purpose}) is away: ${error.message || error.name}`)
    away = true
  })
  redis.on('ready', () => {
    if (away) context.log(`redis (${purpose}) is back`)
    away = false
  })
  return redis
}

/** What a channel is called in Redis: ioredis puts its prefix before keys, and leaves channels as they are. */
export function channelOf(redis: Redis, name: string): string {
  return `${redis.options.keyPrefix ?? ''}${name}`
}

/** Redis answered with an error, so the command had no effect (scripts here write only after their last check). */
export function isReply(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError'
}

/** The client had no connection to write to, so nothing left this process. */
export function isUnsent(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("Stream isn't writeable")
}

/** Calls a script by its hash, and with its text when Redis (restarted, flushed) does not know it. */
export function luaScript(redis: Redis, text: string): (keys: string[], values: (string | number | Buffer)[]) => Promise<unknown> {
  const hash = createHash('sha1').update(text).digest('hex')
  return async (keys, values) => {
    try {
      return await redis.evalsha(hash, keys.length, ...keys, ...values)
    } catch (error) {
      if (!isReply(error) || !error.message.startsWith('NOSCRIPT')) throw error
      return await redis.eval(text, keys.length, ...keys, ...values)
    }
  }
}

/** Ends a connection, politely when it answers. */
export async function closeRedis(redis: Redis): Promise<void> {
  if (redis.status === 'ready') await Promise.race([redis.quit().catch(() => {}), new Promise((resolve) => setTimeout(resolve, 300).unref())])
  redis.disconnect()
}
