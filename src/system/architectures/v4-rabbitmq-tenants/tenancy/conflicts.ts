import { Refusal } from '../../../problem.ts'
import { sqlStateOf } from '../../../postgres/outcome.ts'
import { notFound } from './endpoint.ts'

/** https://www.postgresql.org/docs/current/errcodes-appendix.html */
const UNIQUE_VIOLATION = '23505'
const FOREIGN_KEY_VIOLATION = '23503'
/** Raised by the trigger keep_an_owner. */
const LAST_OWNER = 'LT002'

/** What the database refused, as it is told to who asked. Anything else stays what it is. */
export async function inDatabase<T>(written: Promise<T>, says: { taken?: string; field?: string } = {}): Promise<T> {
  try {
    return await written
  } catch (error) {
    const code = sqlStateOf(error)
    if (code === UNIQUE_VIOLATION && says.taken !== undefined) throw new Refusal(409, { error: says.taken, field: says.field })
    if (code === FOREIGN_KEY_VIOLATION) throw notFound()
    if (code === LAST_OWNER) throw new Refusal(409, { error: 'a workspace keeps an owner: make somebody else one first' })
    throw error
  }
}
