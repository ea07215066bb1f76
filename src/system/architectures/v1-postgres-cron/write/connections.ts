import pg from 'pg'
import type { Context } from '../../../context.ts'
import { connectionOf } from '../../../postgres/connect.ts'
import { reasonOf } from '../../../reason.ts'

/** Of opening one: PostgreSQL that hangs takes the connection and says nothing. */
const CONNECT_WITHIN_MS = 1_000
/** Without any connection it is tried again so often. */
const RETRY_MS = 100
/** After one could not be opened while others live (too many connections, say), the others have to do for so long. */
const GROW_PAUSE_MS = 500
/** The server ends a statement after this, by when whoever sent it has given it up. */
const STATEMENT_TIMEOUT_MS = 5_000
const END_WITHIN_MS = 500

/** What the connections tell whoever uses them. */
export interface ConnectionsListener {
  /** There is a connection to take. */
  onFree(): void
  /** There is none, and none can be opened. */
  onAway(reason: string): void
}

/** Connections to PostgreSQL that write; `pg`'s own pool has one time limit for connecting and for waiting, and no end to its queue. */
export interface Connections extends AsyncDisposable {
  take(): pg.Client | undefined
  give(client: pg.Client): void
  /** Throws it away, with whatever is under way on it. */
  discard(client: pg.Client): void
  /** Opens one more, if there may be one more. */
  grow(): void
  /** Why there is no connection; undefined when there is one, or one is being opened after the last was lost. */
  away(): string | undefined
  open(): number
  taken(): number
}

export function createConnections(context: Context, purpose: string, settings: { most: number; syncCommit: 'on' | 'off' }, listener: ConnectionsListener): Connections {
  const all = new Set<pg.Client>()
  const idle: pg.Client[] = []
  let opening = 0
  let away: string | undefined = 'not connected yet'
  let growAtMs = 0
  let retry: NodeJS.Timeout | undefined
  let closed = false

  async function openOne(): Promise<void> {
    opening += 1
    const client = new pg.Client({
      ...connectionOf(context, { options: `-c synchronous_commit=${settings.syncCommit}` }),
      application_name: purpose,
      connectionTimeoutMillis: CONNECT_WITHIN_MS,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      keepAlive: true,
    })
    client.on('error', () => lose(client))
    client.on('end', () => lose(client))
    const problem = await client.connect().then(() => undefined, (error: unknown) => reasonOf(error))
    opening -= 1
    if (closed || problem !== undefined) {
      client.end().catch(() => {})
      if (problem !== undefined && !closed) failed(problem)
      return
    }
    all.add(client)
    if (away !== undefined) context.log(`postgres (${purpose}) is there`)
    away = undefined
    give(client)
  }

  function failed(reason: string): void {
    growAtMs = performance.now() + GROW_PAUSE_MS
    if (all.size > 0) return
    if (away === undefined) context.log(`postgres (${purpose}) is away: ${reason}`)
    away = reason
    listener.onAway(reason)
    retry ??= setTimeout(() => {
      retry = undefined
      reopen()
    }, RETRY_MS)
  }

  function reopen(): void {
    if (!closed && all.size === 0 && opening === 0) void openOne()
  }

  function lose(client: pg.Client): void {
    if (!all.delete(client)) return
    const at = idle.indexOf(client)
    if (at >= 0) idle.splice(at, 1)
    reopen()
  }

  function give(client: pg.Client): void {
    if (!all.has(client)) return
    idle.push(client)
    listener.onFree()
  }

  void openOne()
  return {
    take: () => idle.pop(),
    give,
    discard(client) {
      lose(client)
      client.end().catch(() => {})
    },
    grow() {
      if (!closed && away === undefined && all.size + opening < settings.most && performance.now() >= growAtMs) void openOne()
    },
    away: () => away,
    open: () => all.size,
    taken: () => all.size - idle.length,
    async [Symbol.asyncDispose]() {
      closed = true
      clearTimeout(retry)
      const ends = [...all].map((client) => client.end().catch(() => {}))
      await Promise.race([Promise.all(ends), new Promise((resolve) => setTimeout(resolve, END_WITHIN_MS).unref())])
    },
  }
}
