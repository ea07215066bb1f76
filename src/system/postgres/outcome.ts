import pg from 'pg'
import { Unavailable, Unknown } from '../architecture.ts'
import { Refusal } from '../problem.ts'
import { reasonOf } from '../reason.ts'

/** SQLSTATE of an error that the server sent. https://www.postgresql.org/docs/current/errcodes-appendix.html */
export function sqlStateOf(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined
}

/**
 * What became of a statement that is a transaction of its own, by how it failed. An ERROR says that it was rolled back. FATAL may come right
 * after the commit (an administrator's shutdown is looked for at the end of a transaction too), and a connection that broke says nothing at all.
 */
export function outcomeOf(error: unknown): Refusal | Unavailable | Unknown {
  const code = sqlStateOf(error)
  const rolledBack = error instanceof pg.DatabaseError && error.severity === 'ERROR' && code !== '40003'
  if (!rolledBack) return new Unknown(`PostgreSQL did not answer to the end, it may have been written: ${reasonOf(error)}`)
  if (/^2[23]/.test(code ?? '')) return new Refusal(422, { error: `PostgreSQL refuses it: ${reasonOf(error)}` })
  return new Unavailable(`PostgreSQL refused, nothing was written: ${reasonOf(error)}`, 1)
}
