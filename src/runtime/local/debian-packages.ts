import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { onPath, runProgram } from './program.ts'
import type { Installing } from './provider.ts'

/** Packages of the distribution, got and unpacked without being installed: by its own apt, as any user, without root. */

export interface DebianPackage {
  name: string
  version: string
  bytes: number
}

const SYSTEM_LISTS = '/var/lib/apt/lists'
const SYSTEM_STATUS = '/var/lib/dpkg/status'
const STEP_MS = 300_000
/** Progress is told at every tenth. */
const STEPS = 10

/** Are the programs there that {@link unpackPackages} runs? */
export function canFetchPackages(): boolean {
  return ['apt-get', 'dpkg-deb'].every((program) => onPath(program) !== undefined)
}

/**
 * Unpacks a package and what it needs into `folder`. Of what it needs, those that `wanted` names always, and libraries where
 * this machine lacks them. apt checks signatures and checksums as ever.
 * @param wanted matches names; these are got even where they are installed, so that all of them fit together
 */
export async function unpackPackages(name: string, wanted: RegExp, folder: string, what: string, io: Installing): Promise<DebianPackage[]> {
  const work = join(folder, '.apt')
  for (const path of ['lists/partial', 'cache/archives/partial', 'debs']) mkdirSync(join(work, path), { recursive: true })
  // As on a machine that has nothing: then what is needed does not hang on what somebody has installed.
  writeFileSync(join(work, 'status'), '')
  try {
    const packages = await download(name, wanted, work, what, io)
    for (const file of readdirSync(join(work, 'debs')).sort()) {
      await runProgram('dpkg-deb', ['-x', join(work, 'debs', file), folder], { env: { ...process.env, ...io.marks }, signal: io.signal, timeoutMs: STEP_MS })
    }
    return packages
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** With the machine's lists of packages; where there are none, or what they name is gone, with fresh ones of our own. */
async function download(name: string, wanted: RegExp, work: string, what: string, io: Installing): Promise<DebianPackage[]> {
  try {
    return await downloadBy(SYSTEM_LISTS, name, wanted, work, what, io)
  } catch {
    io.signal.throwIfAborted()
  }
  io.onFetch({ type: 'fetch', what: 'lists of packages (apt-get update)', done: 0 })
  await apt(work, join(work, 'lists'), io, ['update'])
  return downloadBy(join(work, 'lists'), name, wanted, work, what, io)
}

async function downloadBy(lists: string, name: string, wanted: RegExp, work: string, what: string, io: Installing): Promise<DebianPackage[]> {
  const needed = parseUris(await apt(work, lists, io, ['install', '--print-uris', '-qq', '--no-install-recommends', name]))
  const here = installedPackages(readFileSync(SYSTEM_STATUS, 'utf8'))
  const packages = needed.filter((one) => wanted.test(one.name) || (one.name.startsWith('lib') && !here.has(one.name)))
  if (!packages.some((one) => one.name === name)) throw new Error(`apt knows no package ${name}`)
  const total = packages.reduce((sum, { bytes }) => sum + bytes, 0)
  const over = new AbortController()
  const watching = tellProgress(join(work, 'debs'), what, total, io, over.signal)
  try {
    await apt(work, lists, io, ['download', ...packages.map((one) => `${one.name}=${one.version}`)])
  } finally {
    over.abort()
    await watching
  }
  io.onFetch({ type: 'fetch', what, done: total, total })
  return packages
}

/** apt with folders of our own, so that it needs neither root nor a lock; its settings (mirrors, proxies, keys) are the machine's. */
function apt(work: string, lists: string, io: Installing, args: string[]): Promise<string> {
  const settings = {
    'Dir::State': work,
    'Dir::State::lists': lists,
    'Dir::State::status': join(work, 'status'),
    'Dir::Cache': join(work, 'cache'),
    'Dir::Log': work,
    'Debug::NoLocking': 'true',
    // Under root it would download as a user who may not write here.
    'APT::Sandbox::User': 'root',
  }
  const options = Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`])
  const env = { ...process.env, ...io.marks, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' }
  return runProgram('apt-get', [...options, ...args], { env, cwd: join(work, 'debs'), signal: io.signal, timeoutMs: STEP_MS, keptBytes: 256 * 1024 })
}

async function tellProgress(folder: string, what: string, total: number, io: Installing, over: AbortSignal): Promise<void> {
  let told = -1
  while (!over.aborted) {
    const done = Math.min(total, bytesIn(folder))
    const step = Math.floor((STEPS * done) / total)
    if (step > told) io.onFetch({ type: 'fetch', what, done, total })
    told = Math.max(told, step)
    await sleep(200, undefined, { signal: over }).catch(() => undefined)
  }
}

function bytesIn(folder: string): number {
  return readdirSync(folder)
    .map((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0)
    .reduce((sum, bytes) => sum + bytes, 0)
}

/** Lines as `'http://…/erlang-base_25.2.3%2bdfsg-1_amd64.deb' erlang-base_1%3a25.2.3+dfsg-1_amd64.deb 9481234 SHA256:…`; others are skipped. */
export function parseUris(text: string): DebianPackage[] {
  return text.split('\n').flatMap((line) => {
    const match = /^'[^']+' ([^_\s]+)_([^_\s]+)_[^_\s]+\.deb (\d+)(?: |$)/.exec(line)
    return match ? [{ name: match[1]!, version: decodeURIComponent(match[2]!), bytes: Number(match[3]) }] : []
  })
}

/** @param status dpkg's list: a stanza for each package it knows; @returns the names of those that are installed */
export function installedPackages(status: string): Set<string> {
  const installed = status.split(/\n\n+/).filter((stanza) => /^Status: \S+ ok installed$/m.test(stanza))
  return new Set(installed.flatMap((stanza) => /^Package: (\S+)$/m.exec(stanza)?.[1] ?? []))
}
