import { spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

export interface ProgramOptions {
  env: Record<string, string | undefined>
  signal: AbortSignal
  cwd?: string
  uid?: number
  gid?: number
  input?: string
  /** So much of the end of its output is kept; default 16 KiB. */
  keptBytes?: number
  /** Gives up and kills it. */
  timeoutMs: number
}

const KEPT_BYTES = 16 * 1024

/** Runs a helper program to its end in a session of its own; an abort kills it. @returns what it wrote. @throws with the end of that when it fails */
export async function runProgram(file: string, args: readonly string[], options: ProgramOptions): Promise<string> {
  const { env, cwd = '/', uid, gid, input, keptBytes = KEPT_BYTES } = options
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutMs)])
  signal.throwIfAborted()
  const child = spawn(file, args, { env, cwd, uid, gid, detached: true, stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] })
  let output = ''
  const keep = (text: Buffer): void => void (output = (output + text.toString()).slice(-keptBytes))
  child.stdout!.on('data', keep)
  child.stderr!.on('data', keep)
  // It may end before it has read everything; its exit code says what there is to say.
  child.stdin?.on('error', () => undefined).end(input)
  const kill = (): void => {
    try {
      if (child.pid) process.kill(-child.pid, 'SIGKILL')
    } catch {
      return
    }
  }
  signal.addEventListener('abort', kill, { once: true })
  try {
    const code = await new Promise<number | string>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (exitCode, name) => resolve(exitCode ?? name ?? 'no exit code'))
    })
    options.signal.throwIfAborted()
    if (signal.aborted) throw new Error(`${file} did not end within ${options.timeoutMs / 1_000} s:\n${output}`)
    if (code !== 0) throw new Error(`${[file, ...args].join(' ')} ended with ${code}:\n${output.trim()}`)
    return output
  } finally {
    signal.removeEventListener('abort', kill)
  }
}

/** Absolute path of a program on the PATH. */
export function onPath(name: string, path = process.env.PATH ?? ''): string | undefined {
  return path
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}
