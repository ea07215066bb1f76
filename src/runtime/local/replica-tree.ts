import { setTimeout as sleep } from 'node:timers/promises'
import { signal } from '../end-processes.ts'
import { listProcesses, readRss, TICKS_PER_SECOND, withDescendants, type ProcessStat } from '../processes.ts'

/** A process and all below it, as one. */

export interface TreeUsage {
  cpuSeconds: number
  rssBytes: number
  processes: number
}

function treeOf(pid: number, all = listProcesses()): ProcessStat[] {
  const tree = withDescendants(new Set([pid]), all)
  return all.filter((one) => tree.has(one.pid))
}

/**
 * Cumulative CPU: of the living, and of the dead that one of them has waited for. Memory: what each has for itself, and of
 * what may be shared the largest part once: adding up the backends of a PostgreSQL would count its shared buffers many times.
 * @param all one listing for several trees
 */
export function treeUsage(pid: number, all: readonly ProcessStat[]): TreeUsage {
  const tree = treeOf(pid, [...all])
  const rss = tree.map((one) => readRss(one.pid))
  return {
    cpuSeconds: tree.reduce((sum, one) => sum + one.cpuTicks, 0) / TICKS_PER_SECOND,
    rssBytes: rss.reduce((sum, one) => sum + one.ownBytes, 0) + Math.max(0, ...rss.map((one) => one.sharedBytes)),
    processes: tree.length,
  }
}

/** SIGKILL to all at once, as when a container is killed: no child outlives its parent to finish its work. */
export function killTree(pid: number): void {
  for (const one of treeOf(pid)) signal(one.pid, 'SIGKILL')
}

export function resumeTree(pid: number): void {
  for (const one of treeOf(pid)) signal(one.pid, 'SIGCONT')
}

/** Parents first, and again until no child was born meanwhile. */
export async function pauseTree(pid: number): Promise<void> {
  const stopped = new Set<number>()
  for (let round = 0; round < 20; round += 1) {
    const fresh = treeOf(pid).filter((one) => !stopped.has(one.pid))
    if (fresh.length === 0) return
    for (const one of fresh.sort((a, b) => Number(b.pid === pid) - Number(a.pid === pid))) {
      signal(one.pid, 'SIGSTOP')
      stopped.add(one.pid)
    }
    await sleep(1)
  }
}
