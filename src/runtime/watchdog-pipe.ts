import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Endpoint } from './docker/endpoint.ts'
import { plainEnvironment } from './environment.ts'
import { entryPath } from './entry.ts'
import type { ProcessId } from './processes.ts'

/** The lab's end of the pipe. Disposing says `bye`: do that only when nothing is left of the run. */
export interface Watchdog extends AsyncDisposable {
  pid: number
  tell(process: ProcessId): void
}

/**
 * Starts the watchdog of a run, in a session of its own.
 * @param engine a Docker engine on which there may be something of the run, too
 */
export async function startWatchdog(runId: string, folder: string, logPath: string, engine?: Endpoint): Promise<Watchdog> {
  const child = spawn(process.execPath, [entryPath('watchdog'), runId, folder, logPath], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: '/',
    // Keys for ssh to a remote engine are with an agent.
    env: plainEnvironment(engine?.transport.kind === 'ssh' && process.env.SSH_AUTH_SOCK ? { SSH_AUTH_SOCK: process.env.SSH_AUTH_SOCK } : {}),
  })
  await once(child, 'spawn')
  // Should somebody kill it, writing to it must not end the lab.
  child.stdin.on('error', () => undefined)
  if (engine) child.stdin.write(`${JSON.stringify({ engine })}\n`)
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
