import { randomBytes } from 'node:crypto'
import { accessSync, chmodSync, constants, existsSync, linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { damageOf, deepDamageOf, HASHES, SIZES, writeManifest } from './cache-manifest.ts'
import { MissingPrerequisite } from './errors.ts'
import { isAlive } from './processes.ts'
import { ownerText, parseOwner, self } from './run-mark.ts'
import type { RuntimeEvent } from './runtime.ts'

/** What is fetched or made once and used by every run. */

/** `LAB_CACHE`, else `$XDG_CACHE_HOME/load-lab`, else `~/.cache/load-lab`. Not created. */
export function cacheDir(env: NodeJS.ProcessEnv = process.env): string {
  if (env.LAB_CACHE) return resolve(env.LAB_CACHE)
  return join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache'), 'load-lab')
}

/**
 * The cache for what another user must be able to read (PostgreSQL refuses root and runs as `nobody` then):
 * the ordinary one where every folder above it may be passed, else `/var/cache/load-lab`.
 */
export function sharedCacheDir(env: NodeJS.ProcessEnv = process.env): string {
  const usual = cacheDir(env)
  return isPassable(usual) ? usual : '/var/cache/load-lab'
}

/** All caches that this user's labs make use of. */
export function cacheDirs(): string[] {
  return process.getuid?.() === 0 ? [...new Set([cacheDir(), sharedCacheDir()])] : [cacheDir()]
}

/** May everybody pass through this folder and all above it? Of one that is not there yet, those above count. */
export function isPassable(path: string): boolean {
  for (let folder = resolve(path); ; folder = dirname(folder)) {
    if (existsSync(folder) && (statSync(folder).mode & 0o001) === 0) return false
    if (dirname(folder) === folder) return true
  }
}

/** Who wants something of the cache: may give up, and is told of what takes long. */
export interface CacheIo {
  signal: AbortSignal
  onFetch(event: Extract<RuntimeEvent, { type: 'fetch' }>): void
}

/**
 * A folder in a cache that is either whole or not there. `make` fills a temporary one, which then gets its name
 * in one step; what an interrupted attempt left behind is removed. Two labs that want the same wait for each other.
 * One that has lost something since (a cleaner of old files, a disk that was full) is made anew; nobody may change it once it is made.
 * @returns its absolute path
 */
export async function cached(root: string, name: string, io: CacheIo, make: (folder: string) => Promise<void>): Promise<string> {
  const target = join(root, name)
  if (existsSync(target) && damageOf(target) === undefined) return target
  makeWritable(root)
  await using _lock = await lock(join(root, `${name}.lock`), io.signal)
  if (existsSync(target)) {
    // Another lab may have made or mended it while this one waited.
    const damage = damageOf(target)
    if (damage === undefined) return target
    io.onFetch({ type: 'fetch', what: `${name} again, as ${damage}`, done: 0 })
    discard(root, name)
  }
  for (const left of readdirSync(root)) if (left.startsWith(`${name}.tmp-`)) rmSync(join(root, left), { recursive: true, force: true })
  const temporary = join(root, `${name}.tmp-${process.pid}`)
  mkdirSync(temporary)
  chmodSync(temporary, 0o755)
  try {
    await make(temporary)
    io.signal.throwIfAborted()
    await writeManifest(temporary)
    renameSync(temporary, target)
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
  return target
}

/** In one step out of the way, so that nobody finds half of it. */
function discard(root: string, name: string): void {
  const aside = join(root, `${name}.tmp-broken`)
  rmSync(aside, { recursive: true, force: true })
  renameSync(join(root, name), aside)
  rmSync(aside, { recursive: true, force: true })
}

/** An entry whose content is not what it was when it was made. */
export interface Damaged {
  path: string
  says: string
}

/**
 * Reads entries of these caches and compares them with their checksums: about a second for 300 MB.
 * @param isMeant by the name of an entry
 */
export async function damagedIn(roots: readonly string[], isMeant: (name: string) => boolean = () => true): Promise<Damaged[]> {
  const found: Damaged[] = []
  for (const path of [...new Set(roots)].flatMap(entriesIn)) {
    if (!isMeant(basename(path))) continue
    const says = await deepDamageOf(path)
    if (says !== undefined) found.push({ path, says })
  }
  return found
}

/** Removes what is damaged, so that whoever needs it makes it anew. @returns what it was */
export async function discardDamaged(roots: readonly string[], signal: AbortSignal, isMeant?: (name: string) => boolean): Promise<Damaged[]> {
  const found = await damagedIn(roots, isMeant)
  const discarded: Damaged[] = []
  for (const { path } of found) {
    const [root, name] = [dirname(path), basename(path)]
    await using _lock = await lock(join(root, `${name}.lock`), signal)
    const says = existsSync(path) ? await deepDamageOf(path) : undefined
    if (says === undefined) continue
    discard(root, name)
    discarded.push({ path, says })
  }
  return discarded
}

/** Folders that {@link cached} has made, or their remains. */
function entriesIn(root: string): string[] {
  if (!existsSync(root)) return []
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.includes('.tmp-'))
    .map((entry) => join(root, entry.name))
    .filter((path) => existsSync(join(path, SIZES)) || existsSync(join(path, HASHES)))
}

/**
 * Takes a lock file that names its holder (`<pid>:<start time>`), waiting while the holder lives.
 * Should two labs break the same dead lock in the same instant, both may go on: {@link cached} stays right, because it renames.
 */
export async function lock(path: string, signal: AbortSignal): Promise<AsyncDisposable> {
  const mine = `${path}.${process.pid}-${randomBytes(4).toString('hex')}`
  writeFileSync(mine, ownerText(self()))
  try {
    while (!tryLink(mine, path)) {
      signal.throwIfAborted()
      const holder = parseOwner(readIfThere(path))
      if (holder === undefined || !isAlive(holder)) breakLock(path, holder === undefined ? undefined : ownerText(holder))
      else await sleep(100, undefined, { signal })
    }
  } finally {
    rmSync(mine, { force: true })
  }
  return {
    async [Symbol.asyncDispose]() {
      rmSync(path, { force: true })
    },
  }
}

function breakLock(path: string, seen: string | undefined): void {
  const aside = `${path}.${process.pid}-dead`
  try {
    renameSync(path, aside)
  } catch {
    return
  }
  // Somebody else may have broken it and taken it meanwhile: then it goes back.
  if (seen !== undefined && readIfThere(aside) !== seen) tryLink(aside, path)
  rmSync(aside, { force: true })
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function makeWritable(root: string): void {
  try {
    if (mkdirSync(root, { recursive: true }) !== undefined) chmodSync(root, 0o755)
    accessSync(root, constants.W_OK)
  } catch (error) {
    throw new MissingPrerequisite(`the cache folder ${root} cannot be written: ${(error as Error).message}`, 'set LAB_CACHE to a folder that can')
  }
}
