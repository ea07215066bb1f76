import { chmodSync, mkdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isPassable } from './cache.ts'
import { ownerText, parseOwner, self } from './run-mark.ts'
import type { ProcessId } from './processes.ts'

/** Where the stores of a run keep their data: `<base>/load-lab-<run>/<service>`, gone with the run. */

export const FOLDER_PREFIX = 'load-lab-'
const OWNER_FILE = 'owner'
/** `TMPFS_MAGIC` of linux/magic.h. */
const TMPFS = 0x0102_1994

/** Folders that runs' folders may be in. */
export function folderBases(): string[] {
  return [...new Set([tmpdir(), '/var/tmp'])]
}

/**
 * The first base on a real disk that everybody may pass, else the first. On tmpfs (many distributions' /tmp) an fsync
 * costs nothing, and every figure that contains a commit would be too good.
 */
export function chooseBase(bases: readonly { path: string; onDisk: boolean; passable: boolean }[]): string {
  const best = bases.find(({ onDisk, passable }) => onDisk && passable) ?? bases.find(({ passable }) => passable) ?? bases[0]
  if (!best) throw new Error('no folder for temporary data')
  return best.path
}

/** The folder that runs' folders are made in. */
export function dataBase(): string {
  return chooseBase(folderBases().map((path) => ({ path, onDisk: isOnDisk(path), passable: isPassable(path) })))
}

export function runFolder(runId: string): string {
  return join(dataBase(), `${FOLDER_PREFIX}${runId}`)
}

/** Makes the folder of a run (everybody may pass it, nobody may list it) with the name of its owner in it. @throws when it is there already */
export function makeRunFolder(folder: string): void {
  mkdirSync(folder)
  chmodSync(folder, 0o711)
  writeFileSync(join(folder, OWNER_FILE), ownerText(self()))
}

/** Who made the folder; undefined when that is not known (yet). */
export function ownerOf(folder: string): ProcessId | undefined {
  try {
    return parseOwner(readFileSync(join(folder, OWNER_FILE), 'utf8'))
  } catch {
    return undefined
  }
}

/** Removes a run's folder. A store that is just ending may still add a file: hence the retries. */
export async function removeRunFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
}

export function isOnDisk(path: string): boolean {
  try {
    return statfsSync(path).type !== TMPFS
  } catch {
    return false
  }
}
