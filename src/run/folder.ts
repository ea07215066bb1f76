import { closeSync, createWriteStream, existsSync, fsyncSync, openSync, type WriteStream } from 'node:fs'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { finished } from 'node:stream/promises'
import { EXIT, LabError } from './errors.ts'
import type { RunEvent, RunStarted, RunStatus } from './events.ts'

/** `run.json`: what was run and how it ended, readable without the events. */
export interface RunFile extends RunStarted {
  status: RunStatus | 'running'
  /** The lab process that writes the folder, for `lab watch` to know when nobody does. */
  lab: { pid: number; startTime: number }
  startedAt: string
  endedAt?: string
  exitCode?: number
  why?: string
}

/**
 * A run's folder while it is written: raw results first, append-only, in `<id>.partial/`; synced and renamed
 * when the run is complete. An aborted or failed run keeps the suffix.
 */
export interface RunFolder {
  readonly path: string
  readonly logDir: string
  append(event: RunEvent): void
  /** Another append-only file of the folder. */
  stream(name: string): WriteStream
  /** Does a synchronous write of the folder's; a failure is reported like that of any other. */
  guard(write: () => void): void
  /** Everything appended so far is with the operating system: safe to read back. */
  flush(): Promise<void>
  /** Writes the status, syncs, renames a complete run; resolves with the final path. */
  finish(status: RunStatus, exitCode: number, why?: string): Promise<string>
}

/**
 * Throws {@link LabError} (exit code 2) where the folder cannot be made. `onFailure` is told once, with a {@link LabError}
 * (exit code 3), when something cannot be written later on, such as on a full disk; what is appended after it is dropped.
 * `name`: of the folder, where it is not the run's id.
 */
export async function createRunFolder(resultsDir: string, started: RunStarted, lab: RunFile['lab'], onFailure: (error: LabError) => void, name = started.runId): Promise<RunFolder> {
  const path = join(resultsDir, `${name}.partial`)
  const logDir = join(path, 'logs')
  const runFile: RunFile = { ...started, status: 'running', lab, startedAt: new Date().toISOString() }
  const save = () => writeFile(join(path, 'run.json'), `${JSON.stringify(runFile, null, 2)}\n`)
  try {
    await mkdir(logDir, { recursive: true })
    await save()
  } catch (error) {
    throw new LabError(EXIT.usage, `cannot write results to ${resultsDir}: ${(error as Error).message}`, 'choose another folder with --results <folder>')
  }
  let failed = false
  const fail = (error: Error) => {
    if (failed) return
    failed = true
    onFailure(new LabError(EXIT.prerequisite, `cannot write to ${path}: ${error.message}`, 'free some space, or choose another folder with --results <folder>'))
  }
  const stream = (name: string) => createWriteStream(join(path, name), { flags: 'a' }).on('error', fail)
  const events = stream('events.ndjson')
  return {
    path,
    logDir,
    stream,
    append(event) {
      if (!failed) events.write(`${JSON.stringify(event)}\n`)
    },
    guard(write) {
      try {
        if (!failed) write()
      } catch (error) {
        fail(error as Error)
      }
    },
    flush: () => new Promise((resolve) => (failed ? resolve() : events.write('', () => resolve()))),
    async finish(status, exitCode, why) {
      events.end()
      await finished(events).catch(() => undefined)
      Object.assign(runFile, { status, exitCode, why, endedAt: new Date().toISOString() })
      // On a full disk the folder keeps what it has.
      if (failed) await save().catch(() => undefined)
      else await save()
      if (status !== 'complete') return path
      for (const file of ['events.ndjson', 'ledger.bin', 'latency.hlog', 'run.json'].map((one) => join(path, one))) if (existsSync(file)) syncFile(file)
      const final = join(dirname(path), basename(path, '.partial'))
      await rename(path, final)
      return final
    },
  }
}

function syncFile(path: string): void {
  const fd = openSync(path, 'r+')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
