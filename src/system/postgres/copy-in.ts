import { once } from 'node:events'
import pg from 'pg'
import { from as copyFrom, type CopyStreamQuery } from 'pg-copy-streams'
import type { Context } from '../context.ts'
import type { Order } from '../event.ts'
import { connectionOf } from './connect.ts'
import { COPY_HEADER, COPY_TRAILER } from './copy-rows.ts'

/** Orders in one transaction: what is lost when one fails, and a commit's fsync shared by so many that it does not show. */
const ORDERS_PER_COMMIT = 100_000
const CONNECT_WITHIN_MS = 5_000

/** How orders become rows of a store. */
export interface CopyIn {
  /** Each table that gets a row an order: a COPY … FROM STDIN (FORMAT binary), and its rows without header and trailer. */
  tables: readonly { copy: string; encode(orders: readonly Order[]): Buffer }[]
  /** In the same transaction, after the rows: what else these orders change. */
  after?(client: pg.Client, orders: readonly Order[][]): Promise<void>
  /** After the commit: what is changed elsewhere. */
  committed?(orders: readonly Order[][]): Promise<void>
  /** Once all are in: statements outside a transaction, such as VACUUM. Left out when the process is asked to stop. */
  finally?: readonly string[]
  /** Connections that copy at the same time. Default 2: one core of PostgreSQL each, and the other's turn while one commits. */
  connections?: number
}

/**
 * Copies all orders in, in transactions of {@link ORDERS_PER_COMMIT}, each with everything that belongs to it: cut off at any moment, the store
 * holds a consistent part. Memory stays bounded: orders are asked for as fast as PostgreSQL takes them. Throws when an id is known.
 */
export async function copyIn(context: Context, orders: AsyncIterable<Order[]>, how: CopyIn): Promise<void> {
  const source = orders[Symbol.asyncIterator]()
  let failed = false
  const next = async (): Promise<Order[] | undefined> => {
    const { value, done } = failed ? { value: undefined, done: true } : await source.next()
    return done === true ? undefined : (value as Order[])
  }
  const lane = async () => {
    await using client = await connect(context)
    try {
      while (await transaction(client, next, how));
    } catch (error) {
      failed = true
      throw error
    }
  }
  const lanes = await Promise.allSettled(Array.from({ length: how.connections ?? 2 }, lane))
  await source.return?.()
  for (const ended of lanes) if (ended.status === 'rejected') throw ended.reason
  await using client = await connect(context)
  for (const statement of how.finally ?? []) if (!context.signal.aborted) await client.query(statement)
}

/** One transaction of rows; false when no orders were left. */
async function transaction(client: pg.Client, next: () => Promise<Order[] | undefined>, how: CopyIn): Promise<boolean> {
  const first = await next()
  if (first === undefined) return false
  const taken: Order[][] = []
  const [main, ...others] = how.tables
  await client.query('BEGIN')
  await copy(client, main!.copy, async (write) => {
    let count = 0
    for (let batch: Order[] | undefined = first; batch !== undefined; batch = count < ORDERS_PER_COMMIT ? await next() : undefined) {
      taken.push(batch)
      count += batch.length
      await write(main!.encode(batch))
    }
  })
  for (const table of others) {
    await copy(client, table.copy, async (write) => {
      for (const batch of taken) await write(table.encode(batch))
    })
  }
  await how.after?.(client, taken)
  await client.query('COMMIT')
  await how.committed?.(taken)
  return true
}

/** One COPY: `send` writes rows and waits where PostgreSQL is slower. */
async function copy(client: pg.Client, sql: string, send: (write: (rows: Buffer) => Promise<void>) => Promise<void>): Promise<void> {
  const stream: CopyStreamQuery = client.query(copyFrom(sql))
  // Also when nobody is waiting for it yet, as an unheard 'error' ends the process.
  let refused = false
  const broken = new Promise<never>((_, reject) => stream.on('error', reject))
  broken.catch(() => { refused = true })
  const write = async (rows: Buffer) => {
    if (!stream.write(rows)) await Promise.race([once(stream, 'drain'), broken])
  }
  stream.write(COPY_HEADER)
  try {
    await send(write)
  } catch (error) {
    // Where PostgreSQL has refused it, or is gone, there is nobody to tell.
    if (!refused) stream.destroy(error as Error)
    throw error
  }
  const finished = once(stream, 'finish')
  finished.catch(() => {})
  stream.end(COPY_TRAILER)
  await Promise.race([finished, broken])
}

type OwnClient = pg.Client & AsyncDisposable

/** Without a limit on how long a statement may take: a COPY lasts as long as its orders come. */
async function connect(context: Context): Promise<OwnClient> {
  const client = new pg.Client({ ...connectionOf(context), application_name: 'seed', connectionTimeoutMillis: CONNECT_WITHIN_MS, keepAlive: true })
  client.on('error', () => {})
  await client.connect()
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() })
}
