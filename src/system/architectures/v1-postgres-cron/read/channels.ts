import pg from 'pg'
import { boundedCalls } from '../../../bounded-redis.ts'
import type { Context } from '../../../context.ts'
import { connectionOf } from '../../../postgres/connect.ts'
import { reasonOf } from '../../../reason.ts'
import { channelOf, closeRedis, connectRedis } from '../../../redis.ts'
import { CHANGES, notifiedOn } from '../names.ts'

const ANSWERS_WITHIN_MS = 500
const RECONNECT_MS = 250
const POSTGRES_WITHIN_MS = 2_000
const POLL_MS = 250

/** One way to hear of a new version of the dashboard; without a version something has changed, or may have. */
export interface Channel extends AsyncDisposable {
  /** Would it tell if there were something to tell? */
  answers(): Promise<boolean>
}

type Tell = (version?: number) => void

/** Redis Pub/Sub. */
export function listenToRedis(context: Context, tell: Tell): Channel {
  const redis = connectRedis(context, 'api-listener')
  const bounded = boundedCalls(redis, ANSWERS_WITHIN_MS)
  redis.on('message', (_channel: string, message: string) => tell(versionIn(message)))
  redis.on('ready', () => {
    // Whatever was told while it was away is lost: look.
    redis.subscribe(channelOf(redis, CHANGES)).then(() => tell(), () => {})
  })
  return {
    answers: async () => (await bounded(() => redis.ping())) !== undefined,
    [Symbol.asyncDispose]: () => closeRedis(redis),
  }
}

/** PostgreSQL's LISTEN, on a connection of its own that is made again whenever it breaks or hangs. */
export function listenToPostgres(context: Context, tell: Tell): Channel {
  let listening: pg.Client | undefined
  let connecting: pg.Client | undefined
  let retry: NodeJS.Timeout | undefined
  let away = false
  let stopped = false

  async function connect(): Promise<void> {
    const client = new pg.Client({
      ...connectionOf(context), application_name: 'api-listener', keepAlive: true,
      connectionTimeoutMillis: POSTGRES_WITHIN_MS, query_timeout: POSTGRES_WITHIN_MS,
    })
    connecting = client
    client.on('notification', ({ payload }) => tell(versionIn(payload ?? '')))
    client.on('error', (error) => lose(client, reasonOf(error)))
    client.on('end', () => lose(client, 'the connection ended'))
    try {
      await client.connect()
      await client.query(`LISTEN ${notifiedOn(context)}`)
    } catch (error) {
      return lose(client, reasonOf(error))
    }
    if (client !== connecting) return
    listening = client
    if (away) context.log('postgres (api-listener) is back')
    away = false
    // Whatever was told while it was away is lost: look.
    tell()
  }

  /** Of the connection in use, once. */
  function lose(client: pg.Client, reason: string): void {
    if (client !== connecting || stopped) return
    listening = connecting = undefined
    if (!away) context.log(`postgres (api-listener) is away: ${reason}`)
    away = true
    client.end().catch(() => {})
    retry = setTimeout(() => void connect(), RECONNECT_MS).unref()
  }

  void connect()
  return {
    async answers() {
      const client = listening
      if (client === undefined) return false
      const answer = client.query('SELECT 1').then(() => true, (error: unknown) => {
        lose(client, reasonOf(error))
        return false
      })
      const late = new Promise<boolean>((resolve) => setTimeout(resolve, ANSWERS_WITHIN_MS, false).unref())
      return await Promise.race([answer, late])
    },
    async [Symbol.asyncDispose]() {
      stopped = true
      clearTimeout(retry)
      const late = new Promise((resolve) => setTimeout(resolve, ANSWERS_WITHIN_MS).unref())
      await Promise.race([connecting?.end().catch(() => {}), late])
    },
  }
}

/** Looks at the version, four times a second. */
export function pollVersion(version: () => Promise<number | undefined>, tell: Tell): Channel {
  let seen: number | undefined
  let busy = false
  const timer = setInterval(() => {
    if (busy) return
    busy = true
    void version().then((it) => {
      if (it !== undefined && it !== seen) tell(it)
      seen = it ?? seen
    }).finally(() => { busy = false })
  }, POLL_MS)
  timer.unref()
  return {
    answers: async () => true,
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
    },
  }
}

/** A message that is no version still says that something changed. */
function versionIn(message: string): number | undefined {
  return /^\d{1,15}$/.test(message) ? Number(message) : undefined
}
