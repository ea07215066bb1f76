import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { endProcesses } from './end-processes.ts'
import { isAlive, listProcesses, readEnviron, type ProcessId } from './processes.ts'
import { folderBases, FOLDER_PREFIX, ownerOf, removeRunFolder } from './run-folder.ts'
import { OWNER_VARIABLE, parseOwner, processesOfRun, RUN_VARIABLE } from './run-mark.ts'

/** What a dead lab whose watchdog died too has left on this machine. */
export interface Leftover {
  runId: string
  processes: ProcessId[]
  /** Its data folders. */
  folders: string[]
}

/**
 * A folder without an owner's name is one that is being made, or whose lab was killed between two steps: then it is empty.
 * It is left alone until this old.
 */
const NAMELESS_FOR_MS = 60_000

/** Runs whose lab is dead, with what there is of them. Runs of living labs, other users' folders and all else are left out. */
export function findLeftovers(bases: readonly string[] = folderBases()): Leftover[] {
  const runs = new Map<string, Leftover>()
  const of = (runId: string): Leftover => {
    const run = runs.get(runId) ?? { runId, processes: [], folders: [] }
    runs.set(runId, run)
    return run
  }
  for (const { pid } of listProcesses()) {
    const environ = readEnviron(pid)
    const runId = environ.get(RUN_VARIABLE)
    const owner = parseOwner(environ.get(OWNER_VARIABLE))
    if (runId && owner && !isAlive(owner)) of(runId)
  }
  for (const base of bases) for (const { runId, folder } of deadFolders(base)) of(runId).folders.push(folder)
  for (const run of runs.values()) run.processes = processesOfRun(run.runId, run.folders[0])
  return [...runs.values()]
}

/** Ends and removes what {@link findLeftovers} found. @returns what it could not, one line each */
export async function clean(leftovers: readonly Leftover[]): Promise<string[]> {
  const failed: string[] = []
  for (const { runId, folders } of leftovers) {
    const left = await endProcesses(() => processesOfRun(runId, folders[0]), { graceMs: 3_000, withinMs: 8_000 })
    failed.push(...left.map(({ pid }) => `process ${pid} of run ${runId} does not end`))
    for (const folder of folders) {
      await removeRunFolder(folder).catch((error: unknown) => failed.push(`${folder}: ${error instanceof Error ? error.message : String(error)}`))
    }
  }
  return failed
}

function deadFolders(base: string): { runId: string; folder: string }[] {
  const found: { runId: string; folder: string }[] = []
  for (const name of namesIn(base)) {
    if (!name.startsWith(FOLDER_PREFIX)) continue
    const folder = join(base, name)
    const stat = lstatSync(folder, { throwIfNoEntry: false })
    if (!stat?.isDirectory() || stat.uid !== process.getuid?.()) continue
    const owner = ownerOf(folder)
    const dead = owner ? !isAlive(owner) : Date.now() - stat.mtimeMs > NAMELESS_FOR_MS && namesIn(folder).length === 0
    if (dead) found.push({ runId: name.slice(FOLDER_PREFIX.length), folder })
  }
  return found
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
