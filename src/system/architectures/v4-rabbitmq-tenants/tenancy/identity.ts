import pg from 'pg'
import { Unavailable } from '../../../architecture.ts'
import { outcomeOf } from '../../../postgres/outcome.ts'
import { reasonOf } from '../../../reason.ts'
import type { Role } from './roles.ts'

export interface OwnWorkspace {
  id: number
  slug: string
  name: string
  role: Role
}

/** What has to look across workspaces. Each is one function of the database, and there is nothing else that the API could ask it. */
export interface Identity {
  findLogin(email: string): Promise<{ user: number; passwordHash: string } | undefined>
  workspacesOf(user: number): Promise<OwnWorkspace[]>
  isUser(user: number, email: string): Promise<boolean>
  /** `taken`: the e-mail or the slug. */
  signUp(account: { email: string; passwordHash: string; slug: string; name: string }): Promise<{ user: number; workspace: number } | 'taken'>
  createWorkspace(owner: number, slug: string, name: string): Promise<number | 'taken' | 'enough'>
}

const WITHIN_MS = 5_000
const UNIQUE_VIOLATION = '23505'
const TOO_MANY_WORKSPACES = 'LT001'

export function createIdentity(pool: pg.Pool): Identity {
  async function ask<Row extends pg.QueryResultRow>(name: string, text: string, values: unknown[]): Promise<Row[]> {
    try {
      return (await pool.query<Row>({ name, text, values, query_timeout: WITHIN_MS } as pg.QueryConfig)).rows
    } catch (error) {
      if (error instanceof pg.DatabaseError && error.severity === 'ERROR') throw error
      throw new Unavailable(`PostgreSQL does not answer: ${reasonOf(error)}`)
    }
  }

  /** A write: what is cut off may have been written. */
  async function tell<Row extends pg.QueryResultRow>(name: string, text: string, values: unknown[]): Promise<Row | 'taken' | 'enough'> {
    const client = await pool.connect().catch((error: unknown) => { throw new Unavailable(`PostgreSQL does not answer: ${reasonOf(error)}`) })
    try {
      const { rows } = await client.query<Row>({ name, text, values, query_timeout: WITHIN_MS } as pg.QueryConfig)
      client.release()
      return rows[0]!
    } catch (error) {
      const code = error instanceof pg.DatabaseError && error.severity === 'ERROR' ? error.code : undefined
      client.release(code === undefined)
      if (code === UNIQUE_VIOLATION) return 'taken'
      if (code === TOO_MANY_WORKSPACES) return 'enough'
      throw outcomeOf(error)
    }
  }

  return {
    async findLogin(email) {
      const [found] = await ask<{ user_id: number; password_hash: string }>('find-login', 'SELECT user_id, password_hash FROM find_login($1)', [email])
      return found && { user: found.user_id, passwordHash: found.password_hash }
    },
    workspacesOf: (user) => ask<OwnWorkspace>('workspaces-of', 'SELECT id, slug, name, role FROM workspaces_of($1)', [user]),
    async isUser(user, email) {
      return (await ask<{ is: boolean }>('is-user', 'SELECT is_user($1, $2) AS is', [user, email]))[0]!.is
    },
    async signUp({ email, passwordHash, slug, name }) {
      const text = 'SELECT user_id AS user, workspace_id AS workspace FROM sign_up($1, $2, $3, $4)'
      const made = await tell<{ user: number; workspace: number }>('sign-up', text, [email, passwordHash, slug, name])
      return made === 'enough' ? 'taken' : made
    },
    async createWorkspace(owner, slug, name) {
      const made = await tell<{ id: number }>('create-workspace', 'SELECT create_workspace($1, $2, $3) AS id', [owner, slug, name])
      return typeof made === 'string' ? made : made.id
    },
  }
}
