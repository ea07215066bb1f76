import { MissingPrerequisite } from '../errors.ts'
import { placeOf, type External, type Kind } from './external.ts'

/** How the lab behaves on one kind of server that is not its own. Every connection is closed again before a call resolves. */
export interface Guest {
  /** What the lab has there of its own, in the words of a report: a schema, keys. */
  part(namespace: string): string
  /**
   * Looks whether the lab can work there; changes nothing. Resolves with name and version.
   * @throws MissingPrerequisite with what is missing
   */
  inspect(external: External, needs: Needs): Promise<string>
  /** Makes the run's own part, which must not be there yet. */
  settle(external: External, namespace: string): Promise<void>
  /** Removes it with all that is in it, and nothing else. Resolves with what was there, in words; undefined: nothing. */
  leave(external: External, namespace: string): Promise<string | undefined>
}

/** What an architecture needs beyond a part of its own. */
export interface Needs {
  /** PostgreSQL: accounts of their own, with borders between them. */
  roles: boolean
}

export const CONNECT_WITHIN_MS = 5_000

const NAMES: Readonly<Record<Kind, string>> = { postgres: 'PostgreSQL', redis: 'Redis', kafka: 'Kafka', rabbitmq: 'RabbitMQ', clickhouse: 'ClickHouse' }

/** `PostgreSQL at db:5432/orders (LAB_POSTGRES_URL)` */
export function called(external: External): string {
  return `${NAMES[external.kind]} at ${placeOf(external)} (${external.variable})`
}

export function lacking(external: External, says: string, fix: string): MissingPrerequisite {
  return new MissingPrerequisite(`${called(external)} ${says}`, fix)
}

/** Why there is no connection. What a driver says may name the account; it never holds the password. */
export function unreachable(external: External, error: unknown): MissingPrerequisite {
  if (error instanceof MissingPrerequisite) return error
  const { code = '', message = String(error) } = error as { code?: string; message?: string }
  if (REFUSED.test(message) || ['28P01', '28000'].includes(code)) return lacking(external, `refuses the account: ${oneLine(message)}`, `give user and password in ${external.variable}, percent-encoded`)
  if (code === '3D000') return lacking(external, `has no such database: ${oneLine(message)}`, `name one in ${external.variable}`)
  return lacking(external, `cannot be reached: ${oneLine(message) || code}`, `start it, or unset ${external.variable}: then the lab starts one of its own`)
}

const REFUSED = /WRONGPASS|NOAUTH|ACCESS[_-]REFUSED|ACCESS-REFUSED|Authentication failed|password authentication/i

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').trim()
}
