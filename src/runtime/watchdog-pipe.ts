import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { plainEnvironment } from './environment.ts'
import { entryPath } from './entry.ts'
import type { ProcessId } from './processes.ts'

/** The lab's end of the pipe. Disposing says `bye`: do that only when nothing is left of the run. */
export interface Watchdog extends AsyncDisposable {
  pid: number
  tell(process: ProcessId): void
}

/** Starts the watchdog of a run, in a session of its own. */
export async function startWatchdog(runId: string, folder: string, logPath: string): Promise<Watchdog> {
  const child = spawn(process.execPath, [entryPath('watchdog'), runId, folder, logPath], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: '/',
    env: plainEnvironment(),
  })
  await once(child, 'spawn')
  // Should somebody kill it, writing to it must not end the lab.
  child.stdin.on('error', () => undefined)
  return {
    pid: child.pid!,
    tell({ pid, startTime }) {
      child.stdin.write(`${JSON.stringify({ pid, startTime })}\n`)
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.stdin.end('bye\n')
      await Promise.race([exited, sleep(1_000, undefined, { ref: false })])
    },
  }
}
