import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RunEvent } from '../../src/run/events.ts'
import { listProcesses, readEnviron } from '../../src/runtime/processes.ts'
import { RUN_VARIABLE } from '../../src/runtime/run-mark.ts'

export const LAB = fileURLToPath(new URL('../../lab', import.meta.url))

/** What a test does not say otherwise runs as plain processes, whatever engine there is on this machine. */
const LOCALLY = { LAB_RUNTIME: 'local' }

/** The lab as a person starts it, told what to do by what it tells. */
export interface LabProcess {
  child: ChildProcess
  events: RunEvent[]
  stderr: () => string
  /** Resolves with the first event that fits; rejects when the lab ends without one. */
  until(fits: (event: RunEvent) => boolean): Promise<RunEvent>
  exited: Promise<{ code: number | null; signal: string | null; tookMs: number }>
}

export function startLab(args: string[], env: NodeJS.ProcessEnv = {}): LabProcess {
  const child = spawn(LAB, args, { env: { ...LOCALLY, ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const startedMs = Date.now()
  const events: RunEvent[] = []
  const waiting: { fits: (event: RunEvent) => boolean; resolve: (event: RunEvent) => void }[] = []
  let stderr = ''
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()))
  const lines = createInterface({ input: child.stdout })
  lines.on('line', (line) => {
    if (!line.startsWith('{')) return
    const event = JSON.parse(line) as RunEvent
    events.push(event)
    for (const one of waiting.filter((each) => each.fits(event))) one.resolve(event)
  })
  const exited = new Promise<{ code: number | null; signal: string | null; tookMs: number }>((resolve) =>
    child.once('close', (code, signal) => resolve({ code, signal, tookMs: Date.now() - startedMs })),
  )
  return {
    child,
    events,
    stderr: () => stderr,
    exited,
    until(fits) {
      const seen = events.find(fits)
      if (seen !== undefined) return Promise.resolve(seen)
      return Promise.race([
        new Promise<RunEvent>((resolve) => waiting.push({ fits, resolve })),
        exited.then(({ code }) => {
          throw new Error(`the lab ended with ${code} before that: ${stderr.slice(-2_000)}`)
        }),
      ])
    },
  }
}

/** Runs the lab to its end. */
export async function lab(args: string[], env: NodeJS.ProcessEnv = {}): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(LAB, args, { env: { ...LOCALLY, ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (text: Buffer) => (stdout += text.toString()))
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()))
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, stdout, stderr }
}

/** Processes that carry the mark of a run. */
export function processesOf(runId: string): number[] {
  return listProcesses()
    .map(({ pid }) => pid)
    .filter((pid) => readEnviron(pid).get(RUN_VARIABLE) === runId)
}

/** Resolves with the milliseconds until the last process of a run is gone; rejects after `withinMs`. */
export async function gone(runId: string, withinMs: number): Promise<number> {
  const startMs = Date.now()
  while (processesOf(runId).length > 0) {
    if (Date.now() - startMs > withinMs) throw new Error(`still running after ${withinMs} ms: ${processesOf(runId).join(', ')}`)
    await sleep(50)
  }
  return Date.now() - startMs
}
