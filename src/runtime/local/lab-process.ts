import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { signal } from '../end-processes.ts'
import { entryPath, type Entry } from '../entry.ts'
import { plainEnvironment } from '../environment.ts'
import { readStat, type ProcessId } from '../processes.ts'
import type { LabProcess } from '../runtime.ts'

const GRACE_MS = 1_500

/** Starts an injector or subscribers beside the stack: stdout is the lab's to read, stderr goes to a log file. */
export async function startLabProcess(entry: Entry, env: Record<string, string>, logPath: string, tell: (process: ProcessId) => void): Promise<LabProcess> {
  const log = openSync(logPath, 'a')
  const child = spawn(process.execPath, [entryPath(entry)], { env: plainEnvironment(env), cwd: '/', detached: true, stdio: ['ignore', 'pipe', log] })
  closeSync(log)
  const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) => child.once('exit', (code, name) => resolve({ code, signal: name })))
  await once(child, 'spawn')
  tell({ pid: child.pid!, startTime: readStat(child.pid!)?.startTime ?? 0 })
  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null
  return {
    pid: child.pid,
    stdout: child.stdout!,
    exited,
    reach: (port) => ({ host: '127.0.0.1', port }),
    async [Symbol.asyncDispose]() {
      if (isOver()) return
      signal(child.pid!, 'SIGTERM')
      signal(child.pid!, 'SIGCONT')
      await Promise.race([exited, sleep(GRACE_MS)])
      if (!isOver()) signal(child.pid!, 'SIGKILL')
      await Promise.race([exited, sleep(1_000)])
    },
  }
}
