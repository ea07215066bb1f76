import type pg from 'pg'
import { Unavailable } from '../../../architecture.ts'
import type { Context } from '../../../context.ts'
import { createBoundedPool, TooManyWaiting, type Queries, type Statement } from '../../../postgres/bounded-pool.ts'
import { reasonOf } from '../../../reason.ts'
import type { V1Knobs } from '../knobs.ts'

/** Where reads are computed: PostgreSQL, or with `replica=on` its replica as long as that answers. Rejects with {@link Unavailable}. */
export interface Reader extends Queries, AsyncDisposable {
  /** Statements sent to either. */
  statements(): number
  /** Reads that the primary answered in place of the replica. */
  fallbacks(): number
}

export function createReader(context: Context<V1Knobs>, purpose: string, connections: number): Reader {
  const primary = createBoundedPool(context, purpose, connections)
  const replica = context.knobs.replica === 'on'
    ? createBoundedPool({ ...context, address: () => context.address('replica') }, `${purpose}-replica`, connections)
    : undefined
  let fallbacks = 0

  /** Busy is not away: what the replica cannot do must not be added to what the primary does. */
  async function fromReplica<Row extends pg.QueryResultRow>(statement: Statement): Promise<{ rows: Row[] } | undefined> {
    if (replica === undefined) return undefined
    try {
      if (replica.answers()) return await replica.query<Row>(statement)
    } catch (error) {
      if (error instanceof TooManyWaiting) throw error
    }
    fallbacks += 1
    return undefined
  }

  return {
    statements: () => primary.statements() + (replica?.statements() ?? 0),
    fallbacks: () => fallbacks,
    async query<Row extends pg.QueryResultRow>(statement: Statement) {
      try {
        return (await fromReplica<Row>(statement)) ?? (await primary.query<Row>(statement))
      } catch (error) {
        throw new Unavailable(`PostgreSQL cannot answer now: ${reasonOf(error)}`, 1)
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([primary[Symbol.asyncDispose](), replica?.[Symbol.asyncDispose]()])
    },
  }
}
