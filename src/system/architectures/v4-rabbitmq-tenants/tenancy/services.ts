import type pg from 'pg'
import type { Access } from './access.ts'
import type { FailedLogins } from './failed-logins.ts'
import type { Identity } from './identity.ts'
import type { Passwords } from './passwords.ts'

/** What the endpoints work with. */
export interface Services {
  access: Access
  /** As `lab_api`. */
  pool: pg.Pool
  identity: Identity
  passwords: Passwords
  failedLogins: FailedLogins
  /** For the record: numbers and addresses, never what somebody typed. */
  log(line: string): void
}
