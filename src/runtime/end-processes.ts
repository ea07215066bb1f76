import { setTimeout as sleep } from 'node:timers/promises'
import type { ProcessId } from './processes.ts'

export interface Ending {
  /** From the polite SIGTERM to SIGKILL, ms; 0: SIGKILL at once. */
  graceMs: number
  /** Gives up then, ms from now. */
  withinMs: number
  /** Nothing may have been seen for this long before it counts as over: a process that was just being forked carries its mark only after exec. */
  quietMs?: number
}

/**
 * Ends whatever `find` finds until it finds nothing more: SIGTERM once to each, after the grace SIGKILL.
 * A paused process is woken first, or it would never see the SIGTERM.
 * @returns those still there when time was up
 */
export async function endProcesses(find: () => readonly ProcessId[], { graceMs, withinMs, quietMs = 0 }: Ending): Promise<readonly ProcessId[]> {
  const began = performance.now()
  const asked = new Set<string>()
  let quietSince: number | undefined
  for (;;) {
    const found = find()
    const now = performance.now()
    if (found.length === 0) {
      quietSince ??= now
      if (now - quietSince >= quietMs) return []
    } else {
      quietSince = undefined
      if (now - began >= withinMs) return found
    }
    for (const { pid, startTime } of found) {
      const key = `${pid}:${startTime}`
      if (now - began >= graceMs) signal(pid, 'SIGKILL')
      else if (!asked.has(key)) {
        signal(pid, 'SIGTERM')
        signal(pid, 'SIGCONT')
      }
      asked.add(key)
    }
    await sleep(25)
  }
}

/** Sends a signal; a process that has gone meanwhile is fine. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
