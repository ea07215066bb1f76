import { existsSync, readFileSync, statfsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseMeminfo } from '../measure/machine.ts'
import { cacheDir } from './cache.ts'
import type { ProviderName } from './compose.ts'
import { distDir, ENTRIES, packageRoot } from './entry.ts'
import { canFetchPackages } from './local/debian-packages.ts'
import { providers } from './local/local.ts'
import { findPackage, POSTGRES_PACKAGE } from './local/postgres-binaries.ts'
import { installedRabbitmq, rabbitmqInCache, RABBITMQ_FIX } from './local/rabbitmq-binaries.ts'
import { installedServer, pythonWithPip, WHEEL } from './local/redis-binary.ts'
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

type Finding = Omit<Check, 'neededBy'>

const OLDEST_NODE = [22, 13] as const
const LEAST_DISK_BYTES = 2 * 1024 ** 3
const LEAST_MEMORY_BYTES = 1024 ** 3
const LEAST_FILES = 4_096

/**
 * Looks at this machine for the local runtime; changes nothing.
 * @param architectures what each runs on, by id
 */
export async function doctor(architectures: Readonly<Record<string, readonly ProviderName[]>>, signal: AbortSignal): Promise<Check[]> {
  const neededBy = (provider: ProviderName): string[] => Object.keys(architectures).filter((id) => architectures[id]!.includes(provider))
  const general = [nodeVersion(process.versions.node), built(), proc(), files(readIfThere('/proc/self/limits')), memory(readIfThere('/proc/meminfo')), disk(), data()]
  const checks: Check[] = general.map((finding) => ({ ...finding, neededBy: [] }))
  if (neededBy('postgres').length > 0) checks.push({ ...postgresPackage(), neededBy: neededBy('postgres') })
  if (neededBy('redis').length > 0) checks.push({ ...(await redisServer(signal)), neededBy: neededBy('redis') })
  if (neededBy('rabbitmq').length > 0) checks.push({ ...rabbitmqServer(), neededBy: neededBy('rabbitmq') })
  for (const provider of new Set(Object.values(architectures).flat())) {
    if (Object.hasOwn(providers, provider)) continue
    checks.push({ what: provider, status: 'missing', says: 'the local runtime cannot run it', neededBy: neededBy(provider) })
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

function postgresPackage(): Finding {
  const found = findPackage()
  if (found) return { what: 'PostgreSQL', status: 'ok', says: `${POSTGRES_PACKAGE} ${found.version}` }
  return { what: 'PostgreSQL', status: 'missing', says: `the npm package ${POSTGRES_PACKAGE} is not installed`, fix: `npm ci, in ${packageRoot}` }
}

async function redisServer(signal: AbortSignal): Promise<Finding> {
  const installed = await installedServer(signal)
  if (installed) return { what: 'Redis', status: 'ok', says: installed }
  const fetched = join(cacheDir(), WHEEL.folder, 'valkey-server')
  if (existsSync(fetched)) return { what: 'Redis', status: 'ok', says: `${fetched}, fetched before` }
  const python = await pythonWithPip(signal)
  if (python && process.arch === 'x64') return { what: 'Redis', status: 'ok', says: `none yet; ${WHEEL.requirement} is fetched with ${python} on first use (\`lab setup\` does it now)` }
  return { what: 'Redis', status: 'missing', says: 'neither on the PATH, nor a Python with pip to fetch it', fix: 'apt install redis-server, or apt install python3-pip' }
}

function rabbitmqServer(): Finding {
  const installed = installedRabbitmq()
  if (installed) return { what: 'RabbitMQ', status: 'ok', says: `${installed.version} in ${installed.home}` }
  const fetched = rabbitmqInCache()
  if (fetched) return { what: 'RabbitMQ', status: 'ok', says: `${fetched.version} in ${cacheDir()}, fetched before` }
  if (canFetchPackages()) return { what: 'RabbitMQ', status: 'ok', says: 'none yet; its packages (34 MB) are fetched by apt on first use, not installed (`lab setup --arch v4` does it now)' }
  return { what: 'RabbitMQ', status: 'missing', says: 'neither on the PATH, nor an apt to fetch it', fix: RABBITMQ_FIX }
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
