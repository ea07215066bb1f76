import { readFileSync } from 'node:fs'
import { KINDS, type External, type Kind } from './external.ts'

interface Form {
  schemes: Readonly<Record<string, External['tls']>>
  port: number
  example: string
  /** What may stand behind the host; absent: nothing. */
  path?: { says: string; allowed: RegExp }
  parameters: readonly string[]
}

const FORMS: Readonly<Record<Kind, Form>> = {
  postgres: { schemes: { postgres: 'off', postgresql: 'off' }, port: 5432, example: 'postgres://user:password@host:5432/database', path: { says: 'the name of a database', allowed: /^[^/]*$/ }, parameters: ['sslmode', 'sslrootcert'] },
  redis: { schemes: { redis: 'off', rediss: 'verify' }, port: 6379, example: 'redis://user:password@host:6379/0', path: { says: 'the number of a database', allowed: /^\d{0,4}$/ }, parameters: ['ca'] },
  kafka: { schemes: { kafka: 'off' }, port: 9092, example: 'kafka://host1:9092,host2:9092', parameters: [] },
  rabbitmq: { schemes: { amqp: 'off', amqps: 'verify' }, port: 5672, example: 'amqp://user:password@host:5672/vhost', path: { says: 'a vhost, with %2F for each / in its name', allowed: /^[^/]*$/ }, parameters: ['api', 'ca'] },
  clickhouse: { schemes: { http: 'off', https: 'verify' }, port: 8123, example: 'http://user:password@host:8123', parameters: ['ca'] },
}

const TLS_PORTS: Partial<Record<Kind, number>> = { rabbitmq: 5671, clickhouse: 8443 }
const SSL_MODES: Readonly<Record<string, External['tls']>> = { disable: 'off', require: 'encrypt', 'verify-ca': 'verify', 'verify-full': 'verify' }

/** Account and hosts may hold anything but what ends them. */
const URL_FORM = /^([a-z][a-z0-9+.-]*):\/\/(?:([^@/?#]*)@)?([^@/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/i

export const variableOf = (kind: Kind): string => `LAB_${kind.toUpperCase()}_URL`

/**
 * Every external service that the environment names. What is wrong goes to `problems`, one sentence each, which never hold the URL, as a
 * password may stand anywhere in one that cannot be read.
 */
export function readExternals(env: Readonly<Record<string, string | undefined>>, problems: string[], readFile = readPem): External[] {
  return KINDS.flatMap((kind) => {
    const text = env[variableOf(kind)]
    if (text === undefined) return []
    const read = readOne(kind, text, readFile)
    if (typeof read !== 'string') return [read]
    problems.push(`${variableOf(kind)} ${read}; it reads ${FORMS[kind].example}`)
    return []
  })
}

function readOne(kind: Kind, text: string, readFile: (path: string) => string): External | string {
  const form = FORMS[kind]
  if (text.trim() === '') return 'is empty: unset it, or name a server'
  const match = URL_FORM.exec(text.trim())
  if (match === null) return 'is no URL (an @, / or ? in name or password must be written %40, %2F or %3F)'
  const [, scheme = '', account, hostText = '', path = '', query = ''] = match
  const tls = Object.hasOwn(form.schemes, scheme.toLowerCase()) ? form.schemes[scheme.toLowerCase()]! : undefined
  if (tls === undefined) return `has the scheme ${scheme}, which is not one of ${Object.keys(form.schemes).join(', ')}`
  const hosts = readHosts(hostText, (tls === 'off' ? undefined : TLS_PORTS[kind]) ?? form.port)
  if (typeof hosts === 'string') return hosts
  if (hosts.length > 1 && kind !== 'kafka') return `names ${hosts.length} hosts, and only one can be used`
  if (kind === 'kafka' && account !== undefined) return 'has an account: Kafka with SASL is not supported'
  const parts = decoded({ user: account?.split(':')[0], password: account?.includes(':') ? account.slice(account.indexOf(':') + 1) : undefined, database: path })
  if (parts === undefined) return 'has a % that is not followed by two hexadecimal digits: write it as %25'
  if (form.path === undefined ? path !== '' : !form.path.allowed.test(path)) return `has something behind the host that is not ${form.path?.says ?? 'expected there'}`
  const missing = (['user', 'database'] as const).find((name) => kind === 'postgres' && parts[name] === undefined)
  if (missing !== undefined) return `names no ${missing}`
  return withParameters({ kind, variable: variableOf(kind), hosts, ...parts, tls }, new URLSearchParams(query), form, readFile)
}

function withParameters(external: External, parameters: URLSearchParams, form: Form, readFile: (path: string) => string): External | string {
  const unknown = [...parameters.keys()].filter((name) => !form.parameters.includes(name))
  if (unknown.length > 0) return `has the parameter ${unknown[0]}, which is not one of ${form.parameters.join(', ') || 'none'}`
  const mode = parameters.get('sslmode')
  if (mode !== null && !Object.hasOwn(SSL_MODES, mode)) return `has sslmode=${mode}, which is not one of ${Object.keys(SSL_MODES).join(', ')}`
  const path = parameters.get('ca') ?? parameters.get('sslrootcert')
  const api = parameters.get('api')
  if (api !== null && !/^https?:\/\/[^/@?#]+\/?$/.test(api)) return 'has an api that is not like http://host:15672'
  try {
    return {
      ...external,
      ...(mode !== null && { tls: SSL_MODES[mode]! }),
      ...(path !== null && { ca: readFile(path) }),
      ...(api !== null && { api: api.replace(/\/$/, '') }),
    }
  } catch (error) {
    return `names a certificate that cannot be read: ${(error as Error).message}`
  }
}

function readHosts(text: string, port: number): { host: string; port: number }[] | string {
  const hosts: { host: string; port: number }[] = []
  for (const one of text.split(',')) {
    const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::(\d{1,5}))?$/i.exec(one)
    const given = Number(match?.[3] ?? port)
    if (match === null || given < 1 || given > 65_535) return one === '' ? 'names no host' : 'names a host or a port that is none'
    hosts.push({ host: (match[1] ?? match[2])!, port: given })
  }
  return hosts
}

/** Percent-decoded, without what is not there. */
function decoded(parts: Record<'user' | 'password' | 'database', string | undefined>): Partial<Record<'user' | 'password' | 'database', string>> | undefined {
  try {
    return Object.fromEntries(Object.entries(parts).flatMap(([name, value]) => (value ? [[name, decodeURIComponent(value)]] : [])))
  } catch {
    return undefined
  }
}

function readPem(path: string): string {
  const text = readFileSync(path, 'utf8')
  if (!text.includes('-----BEGIN CERTIFICATE-----')) throw new Error(`${path} has no certificate in PEM`)
  return text
}
