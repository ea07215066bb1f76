import { constants } from 'node:fs'
import { chown, copyFile, mkdir, opendir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Client } from 'pg'

/**
 * A copy of a running PostgreSQL that a standby can start from, by the low-level API ("Making a Base Backup Using the Low
 * Level API" in PostgreSQL's manual): pg_basebackup does the same, but is not among the binaries at hand.
 */
export interface BaseBackup {
  /** Connected to the primary, as a superuser. Taken away from the caller: the backup lives as long as its session. */
  client: Client
  /** Where the copy goes; made whole or not at all. */
  folder: string
  /** Replication slot made on the primary, so that it keeps the log from here on for as long as the standby is away. */
  slot: string
  /** Owner of the copy. */
  user?: { uid: number; gid: number }
  signal: AbortSignal
}

/** Folders whose content is of the running server alone, or comes over the stream: there, but empty (as pg_basebackup leaves them). */
const EMPTY = new Set(['pg_wal', 'pg_replslot', 'pg_dynshmem', 'pg_notify', 'pg_serial', 'pg_snapshots', 'pg_stat_tmp', 'pg_subtrans'])
const LEFT_OUT = /^(postmaster\.(pid|opts)|backup_label(\.old)?|tablespace_map(\.old)?|backup_manifest|(standby|recovery)\.signal|postgresql\.auto\.conf\.tmp|current_logfiles\.tmp|pg_internal\.init.*|pgsql_tmp.*)$/

export async function takeBaseBackup({ client, folder, slot, user, signal }: BaseBackup): Promise<void> {
  const growing = `${folder}.copy`
  await rm(growing, { recursive: true, force: true })
  // Its place in the log is reserved before the backup begins, so nothing that the standby will ask for can be gone.
  await client.query('SELECT pg_create_physical_replication_slot($1, true) WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1)', [slot])
  await client.query(`SELECT pg_backup_start('standby', fast => true)`)
  const { rows: [source] } = await client.query<{ folder: string }>(`SELECT current_setting('data_directory') AS folder`)
  await copyTree(source!.folder, growing, true, signal)
  const { rows: [end] } = await client.query<{ labelfile: string; spcmapfile: string }>('SELECT * FROM pg_backup_stop(wait_for_archive => false)')
  if (end!.spcmapfile.trim() !== '') throw new Error('the primary has tablespaces outside of its data folder; they are not copied')
  await writeFile(join(growing, 'backup_label'), end!.labelfile)
  await writeFile(join(growing, 'standby.signal'), '')
  if (user) await own(growing, user)
  await rename(growing, folder)
}

/**
 * Files change while they are copied, and come and go: what is torn or missing is made good from the log, which holds full
 * pages of all that was written during the backup.
 */
async function copyTree(from: string, to: string, isRoot: boolean, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  await mkdir(to, { mode: 0o700 })
  for await (const entry of await opendir(from)) {
    if (LEFT_OUT.test(entry.name)) continue
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) {
      if (isRoot && EMPTY.has(entry.name)) await mkdir(target, { mode: 0o700 })
      else await copyTree(source, target, false, signal)
    } else if (entry.isFile()) await copyFile(source, target, constants.COPYFILE_FICLONE).catch(unlessGone)
  }
}

async function own(folder: string, { uid, gid }: { uid: number; gid: number }): Promise<void> {
  for await (const entry of await opendir(folder, { recursive: true })) await chown(join(entry.parentPath, entry.name), uid, gid)
  await chown(folder, uid, gid)
}

function unlessGone(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}
