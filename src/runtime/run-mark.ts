import { listProcesses, readEnviron, readStat, readWhereabouts, withDescendants, type ProcessId, type ProcessStat } from './processes.ts'

/** How the processes of a run are told from all others: by their environment. */

export const RUN_VARIABLE = 'LAB_RUN'
/** The lab process that answers for the run: `<pid>:<start time>`. */
export const OWNER_VARIABLE = 'LAB_OWNER'

export function ownerText({ pid, startTime }: ProcessId): string {
  return `${pid}:${startTime}`
}

export function parseOwner(text: string | undefined): ProcessId | undefined {
  const match = /^(\d+):(\d+)$/.exec(text?.trim() ?? '')
  return match ? { pid: Number(match[1]), startTime: Number(match[2]) } : undefined
}

/** This process, as owner of runs. */
export function self(): ProcessId {
  const stat = readStat(process.pid)
  if (!stat) throw new Error('/proc/self/stat cannot be read: the local runtime needs Linux with /proc mounted')
  return { pid: stat.pid, startTime: stat.startTime }
}

/** The marks a process started for a run carries. */
export function runMarks(runId: string, owner: ProcessId): Record<string, string> {
  return { [RUN_VARIABLE]: runId, [OWNER_VARIABLE]: ownerText(owner) }
}

/**
 * All living processes of a run, this one excepted: those that carry its mark, `known` ones, postgres processes that work in
 * its data folder (each backend writes its title over its environment, and outlives a killed parent for a moment),
 * and everything below them.
 */
export function processesOfRun(runId: string, folder: string | undefined, known: readonly ProcessId[] = []): ProcessStat[] {
  const all = listProcesses()
  const roots = new Set<number>()
  for (const { pid, startTime } of all) {
    if (pid === process.pid) continue
    if (known.some((one) => one.pid === pid && one.startTime === startTime) || carriesMark(pid, runId) || (folder && isBackendIn(pid, folder))) roots.add(pid)
  }
  const tree = withDescendants(roots, all)
  return all.filter(({ pid }) => tree.has(pid) && pid !== process.pid)
}

function carriesMark(pid: number, runId: string): boolean {
  return readEnviron(pid).get(RUN_VARIABLE) === runId
}

/** PostgreSQL processes that work in a data folder. */
export function backendsIn(folder: string): ProcessStat[] {
  return listProcesses().filter(({ pid }) => isBackendIn(pid, folder))
}

function isBackendIn(pid: number, folder: string): boolean {
  const { cwd, program } = readWhereabouts(pid)
  return program === 'postgres' && cwd !== undefined && `${cwd.replace(/ \(deleted\)$/, '')}/`.startsWith(`${folder}/`)
}
