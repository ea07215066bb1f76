import { lstatSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { cached, lock } from './cache.ts'

/** Every file of a folder with its size, one a line: `4096 lib/erlang/bin/erl`. */
const LIST = '.files'

/**
 * As {@link cached}, for a folder of many files: when some have gone since (a cleaner of old files, a disk that was full), it is
 * made anew. Looking at 3,000 files takes 30 ms.
 */
export async function cachedWhole(root: string, name: string, signal: AbortSignal, make: (folder: string) => Promise<void>): Promise<string> {
  const fill = async (folder: string): Promise<void> => {
    await make(folder)
    const lines = filesUnder(folder).map((path) => `${lstatSync(path).size} ${relative(folder, path)}\n`)
    writeFileSync(join(folder, LIST), lines.join(''))
  }
  const folder = await cached(root, name, signal, fill)
  if (isWhole(folder)) return folder
  {
    await using _lock = await lock(join(root, `${name}.lock`), signal)
    // Another lab may have mended it while this one waited.
    if (!isWhole(folder)) discard(folder, join(root, `${name}.tmp-broken`))
  }
  return cached(root, name, signal, fill)
}

/** Is all there that was there when it was made? */
export function isWhole(folder: string): boolean {
  try {
    const lines = readFileSync(join(folder, LIST), 'utf8').split('\n')
    // The last line ends, too, or the list itself was cut off.
    return lines.pop() === '' && lines.length > 0 && lines.every((line) => isThere(folder, line))
  } catch {
    return false
  }
}

function isThere(folder: string, line: string): boolean {
  const space = line.indexOf(' ')
  return lstatSync(join(folder, line.slice(space + 1)), { throwIfNoEntry: false })?.size === Number(line.slice(0, space))
}

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
}

/** In one step out of the way, so that nobody finds half of it. */
function discard(folder: string, aside: string): void {
  rmSync(aside, { recursive: true, force: true })
  renameSync(folder, aside)
  rmSync(aside, { recursive: true, force: true })
}
