import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RuntimeEvent } from '../runtime/runtime.ts'
import { cacheDir } from '../runtime/cache.ts'
import { isAlive } from '../runtime/processes.ts'

/** A system that `lab up` keeps running: the keeper process holds the watchdog's pipe. */
export interface Kept {
  arch: string
  runId: string
  url: string
  keeper: { pid: number; startTime: number }
  /** Addresses of everything in it, as the services see them. */
  env: Record<string, string>
  logDir: string
  /** What it runs with. */
  knobs: Record<string, string | number | boolean>
}

/** What the keeper tells `lab up` until the system stands. */
export type KeeperMessage = { type: 'event'; event: RuntimeEvent } | { type: 'up'; kept: Kept } | { type: 'failed'; exitCode: number; message: string; hint?: string }

const keptDir = () => join(cacheDir(), 'up')

export async function remember(kept: Kept): Promise<void> {
  await mkdir(keptDir(), { recursive: true })
  await writeFile(join(keptDir(), `${kept.arch}.json`), JSON.stringify(kept))
}

export async function forget(arch: string): Promise<void> {
  await rm(join(keptDir(), `${arch}.json`), { force: true })
}

/** Those whose keeper lives; notes of dead ones are removed (their watchdog has ended the rest). */
export async function listKept(): Promise<Kept[]> {
  const names = await readdir(keptDir()).catch(() => [])
  const kept: Kept[] = []
  for (const name of names.filter((name) => name.endsWith('.json'))) {
    const one = JSON.parse(await readFile(join(keptDir(), name), 'utf8')) as Kept
    if (isAlive(one.keeper)) kept.push(one)
    else await forget(one.arch)
  }
  return kept
}
