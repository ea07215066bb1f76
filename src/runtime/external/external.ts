/** A server that somebody else runs, in the place of one that the lab would start. */

export const KINDS = ['postgres', 'redis', 'kafka', 'rabbitmq', 'clickhouse'] as const
export type Kind = (typeof KINDS)[number]

export interface External {
  kind: Kind
  /** Where its URL stands: `LAB_POSTGRES_URL`. */
  variable: string
  /** Several of Kafka, one of all others. */
  hosts: readonly { host: string; port: number }[]
  user?: string
  password?: string
  /** Database, number of the database, or vhost. */
  database?: string
  tls: 'off' | 'encrypt' | 'verify'
  /** Certificate of who signs, in PEM. */
  ca?: string
  /** RabbitMQ: where its management API is. */
  api?: string
}

/** As it is shown and stored: without account and password. */
export function placeOf({ hosts, database, tls }: Pick<External, 'hosts' | 'database' | 'tls'>): string {
  const where = hosts.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`).join(',')
  return `${where}${database === undefined ? '' : `/${database}`}${tls === 'off' ? '' : ' (TLS)'}`
}

/** What processes of ours are told of it, beside the addresses that every service has. */
export function environmentOf({ kind, hosts, user, password, database, tls, ca }: External, namespace: string): Record<string, string> {
  const parts: Record<string, string | undefined> = {
    HOST: hosts[0]!.host,
    PORT: String(hosts[0]!.port),
    ...(hosts.length > 1 && { HOSTS: hosts.map(({ host, port }) => `${host}:${port}`).join(',') }),
    USER: user,
    PASSWORD: password,
    DATABASE: database,
    NAMESPACE: namespace,
    TLS: tls === 'off' ? undefined : tls,
    CA: ca,
  }
  return Object.fromEntries(Object.entries(parts).flatMap(([part, value]) => (value === undefined ? [] : [[`${kind.toUpperCase()}_${part}`, value]])))
}

/** Names of variables whose values are nobody else's business. */
export const SECRET_VARIABLE = /^(POSTGRES|REDIS|KAFKA|RABBITMQ|CLICKHOUSE)_(USER|PASSWORD)$/

/** The part of a server that one run works in: unlike any other, and a plain name wherever it is used (schema, prefix, vhost, database). */
export function namespaceOf(runId: string, token: string): string {
  return `lab_${runId.toLowerCase().replace(/[^a-z0-9]+/g, '_').slice(0, 40).replace(/_+$/, '')}_${token}`
}
