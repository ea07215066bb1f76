import { existsSync, readFileSync, statfsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseMeminfo } from '../measure/machine.ts'
import { LabError } from '../run/errors.ts'
import { cacheDir, cacheDirs, damagedIn } from './cache.ts'
import type { ProviderName } from './compose.ts'
import { BACKENDS, isEntryOf } from './doctor-backends.ts'
import { findEndpoint, surroundings } from './docker/endpoint.ts'
import { distDir, ENTRIES, packageRoot } from './entry.ts'
import { folderBases, isOnDisk, runFolder } from './run-folder.ts'

/** One thing that was looked at. */
export interface Check {
  what: string
  /** `missing`: what needs it cannot run; `warning`: it can, with this in mind. */
  status: 'ok' | 'warning' | 'missing'
  says: string
  /** What to do about it. */
  fix?: string
  /** Architectures that cannot do without; empty: everything. */
  neededBy: string[]
}

/** What was found, as yet without who needs it. */
export type Finding = Omit<Check, 'neededBy'>

const OLDEST_NODE = [22, 13] as const
const LEAST_DISK_BYTES = 2 * 1024 ** 3
const LEAST_MEMORY_BYTES = 1024 ** 3
const LEAST_FILES = 4_096

/**
 * Looks at this machine for the local runtime; changes nothing.
 * @param architectures what each runs on, by id
 */
export async function doctor(architectures: Readonly<Record<string, readonly ProviderName[]>>, signal: AbortSignal): Promise<Check[]> {
  const general = [nodeVersion(process.versions.node), built(), proc(), files(readIfThere('/proc/self/limits')), memory(readIfThere('/proc/meminfo')), disk(), data(), await cache(Object.values(architectures).flat())]
  return [...[...general, await dockerEngine(signal)].map((finding) => ({ ...finding, neededBy: [] })), ...(await backends(architectures, signal))]
}

/** Only the backends: tells in a moment what cannot run here, where reading the whole cache takes ten seconds. */
export async function backends(architectures: Readonly<Record<string, readonly ProviderName[]>>, signal: AbortSignal): Promise<Check[]> {
  const neededBy = (provider: ProviderName): string[] => Object.keys(architectures).filter((id) => architectures[id]!.includes(provider))
  const checks: Check[] = []
  for (const [what, { providers, look }] of Object.entries(BACKENDS)) {
    const needed = [...new Set(providers.flatMap(neededBy))]
    if (needed.length > 0) checks.push({ what, ...(await look(signal)), neededBy: needed })
  }
  return checks
}

export function nodeVersion(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const enough = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])
  const wanted = OLDEST_NODE.join('.')
  if (enough) return { what: 'Node', status: 'ok', says: version }
  return { what: 'Node', status: 'missing', says: `${version} is too old`, fix: `npm ci brings a newer one along on Linux x64; elsewhere install Node ${wanted} or newer` }
}

/** @param limits content of /proc/self/limits; Node raises its soft limit to the hard one by itself */
export function files(limits: string): Finding {
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(limits)?.[1]
  const count = hard === 'unlimited' ? Infinity : Number(hard ?? NaN)
  const says = `${hard ?? 'unknown'} per process`
  if (!(count < LEAST_FILES)) return { what: 'open files', status: 'ok', says }
  return { what: 'open files', status: 'warning', says: `${says}: fewer connections and subscribers than a scenario may ask for`, fix: `ulimit -Hn ${LEAST_FILES} (as root), or limits.conf` }
}

/** @param meminfo content of /proc/meminfo */
export function memory(meminfo: string): Finding {
  const bytes = parseMeminfo(meminfo, 'MemAvailable')
  const says = bytes === undefined ? 'unknown' : `${(bytes / 1024 ** 3).toFixed(1)} GiB free`
  if (bytes === undefined || bytes >= LEAST_MEMORY_BYTES) return { what: 'memory', status: 'ok', says }
  return { what: 'memory', status: 'warning', says: `${says}; a run takes up to ${LEAST_MEMORY_BYTES / 1024 ** 3} GiB`, fix: 'end other programs' }
}

function built(): Finding {
  const missing = ENTRIES.filter((entry) => !existsSync(join(distDir(), `${entry}.js`)))
  if (missing.length === 0) return { what: 'build', status: 'ok', says: distDir() }
  return { what: 'build', status: 'missing', says: `${distDir()} lacks ${missing.join(', ')}`, fix: `npm run build, in ${packageRoot}` }
}

function proc(): Finding {
  if (existsSync('/proc/self/environ')) return { what: '/proc', status: 'ok', says: 'mounted' }
  return { what: '/proc', status: 'missing', says: 'not mounted; the local runtime finds its processes by it', fix: 'Linux with /proc; elsewhere use --runtime docker' }
}

/** Nothing needs it: without, everything runs as plain processes. */
async function dockerEngine(signal: AbortSignal): Promise<Finding> {
  const what = 'Docker'
  try {
    const endpoint = findEndpoint(surroundings())
    if (endpoint === undefined) return { what, status: 'ok', says: 'no engine; everything runs as plain processes (--runtime local)' }
    const { version } = await (await import('./docker/engine.ts')).connectEngine(endpoint, signal)
    return { what, status: 'ok', says: `engine ${version} at ${endpoint.url} (--runtime docker)` }
  } catch (error) {
    if (!(error instanceof LabError)) throw error
    return { what, status: 'warning', says: error.message, fix: error.hint }
  }
}

function disk(): Finding {
  const places = [...new Set([dirname(runFolder('x')), nearestExisting(cacheDir())])]
  const free = places.map((path) => ({ path, bytes: freeBytes(path) }))
  const least = free.reduce((a, b) => (b.bytes < a.bytes ? b : a))
  const says = `${(least.bytes / 1024 ** 3).toFixed(1)} GiB free at ${least.path}`
  if (least.bytes >= LEAST_DISK_BYTES) return { what: 'disk', status: 'ok', says }
  return { what: 'disk', status: 'warning', says: `${says}; a long run may take ${LEAST_DISK_BYTES / 1024 ** 3} GiB`, fix: 'free some, or point TMPDIR and LAB_CACHE elsewhere' }
}

function data(): Finding {
  const base = dirname(runFolder('x'))
  if (isOnDisk(base)) return { what: 'data folders', status: 'ok', says: `in ${base}, on a disk` }
  return { what: 'data folders', status: 'warning', says: `${base} is in memory (tmpfs): commits cost nothing there, figures are too good`, fix: `TMPDIR on a disk (tried: ${folderBases().join(', ')})` }
}

/** Reads all that these need of it: what was fetched or made before must be what it was then. */
async function cache(needed: readonly ProviderName[]): Promise<Finding> {
  const damaged = await damagedIn(cacheDirs(), isEntryOf(needed))
  if (damaged.length === 0) return { what: 'cache', status: 'ok', says: cacheDirs().join(', ') }
  return { what: 'cache', status: 'warning', says: damaged.map(({ path, says }) => `${path} is damaged: ${says}`).join('; '), fix: '`lab setup --arch …` removes it and fetches it anew' }
}

function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(path)
  return bavail * bsize
}

function nearestExisting(path: string): string {
  return existsSync(path) ? path : nearestExisting(dirname(path))
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
