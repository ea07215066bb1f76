import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'

/** Processes as /proc shows them. Parsers are pure; whatever cannot be read (gone, or another user's) counts as not there. */

/** A process, safe against the reuse of its number: two processes never share both. */
export interface ProcessId {
  pid: number
  /** Ticks since boot (field 22 of /proc/<pid>/stat). */
  startTime: number
}

export interface ProcessStat extends ProcessId {
  parent: number
  /** `Z` is dead and waits for its parent to notice. */
  state: string
  /** Ticks in user and kernel mode, its own and of the children it has waited for. */
  cpuTicks: number
}

/** Ticks per second of every Linux that Node runs on (`getconf CLK_TCK`). */
export const TICKS_PER_SECOND = 100

/** /proc/<pid>/stat. The name in parentheses may itself hold spaces and parentheses, so fields count from the last one. */
export function parseStat(stat: string): ProcessStat | undefined {
  const close = stat.lastIndexOf(')')
  const open = stat.indexOf('(')
  if (close < 0 || open < 0) return undefined
  const fields = stat.slice(close + 2).split(' ')
  const field = (number: number): number => Number(fields[number - 3])
  if (fields.length < 20) return undefined
  return {
    pid: Number(stat.slice(0, open)),
    state: fields[0]!,
    parent: field(4),
    cpuTicks: field(14) + field(15) + field(16) + field(17),
    startTime: field(22),
  }
}

/** /proc/<pid>/environ: NUL-separated assignments. */
export function parseEnviron(environ: string): Map<string, string> {
  const variables = new Map<string, string>()
  for (const entry of environ.split('\0')) {
    const at = entry.indexOf('=')
    if (at > 0) variables.set(entry.slice(0, at), entry.slice(at + 1))
  }
  return variables
}

/** Bytes by kind of /proc/<pid>/status: private memory apart from what may be shared (files, shared memory). */
export function parseRss(status: string): { ownBytes: number; sharedBytes: number } {
  const kiB = (field: string): number => Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0)
  return { ownBytes: kiB('RssAnon') * 1024, sharedBytes: (kiB('RssFile') + kiB('RssShmem')) * 1024 }
}

/** The given processes and all below them. */
export function withDescendants(roots: ReadonlySet<number>, all: readonly Pick<ProcessStat, 'pid' | 'parent'>[]): Set<number> {
  const children = new Map<number, number[]>()
  for (const { pid, parent } of all) children.set(parent, [...(children.get(parent) ?? []), pid])
  const tree = new Set<number>()
  const queue = [...roots]
  for (let pid = queue.pop(); pid !== undefined; pid = queue.pop()) {
    if (tree.has(pid)) continue
    tree.add(pid)
    queue.push(...(children.get(pid) ?? []))
  }
  return tree
}

/** Every process on the machine that this user may see; the dead are left out. */
export function listProcesses(): ProcessStat[] {
  const processes: ProcessStat[] = []
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const stat = readStat(Number(name))
    if (stat && stat.state !== 'Z' && stat.state !== 'X') processes.push(stat)
  }
  return processes
}

export function readStat(pid: number): ProcessStat | undefined {
  const text = readOrUndefined(`/proc/${pid}/stat`)
  return text === undefined ? undefined : parseStat(text)
}

export function isAlive({ pid, startTime }: ProcessId): boolean {
  const stat = readStat(pid)
  return stat !== undefined && stat.startTime === startTime && stat.state !== 'Z' && stat.state !== 'X'
}

/** Its environment at start; of processes that wrote over it, whatever is left. */
export function readEnviron(pid: number): Map<string, string> {
  return parseEnviron(readOrUndefined(`/proc/${pid}/environ`) ?? '')
}

export function readRss(pid: number): { ownBytes: number; sharedBytes: number } {
  return parseRss(readOrUndefined(`/proc/${pid}/status`) ?? '')
}

/** Working folder and name of the program, where they may be read. */
export function readWhereabouts(pid: number): { cwd?: string; program?: string } {
  const link = (name: string): string | undefined => {
    try {
      return readlinkSync(`/proc/${pid}/${name}`)
    } catch {
      return undefined
    }
  }
  const program = link('exe')
  return { cwd: link('cwd'), program: program === undefined ? undefined : basename(program.replace(/ \(deleted\)$/, '')) }
}

function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
