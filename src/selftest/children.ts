import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { ControlTarget } from '../load/control-channel.ts'
import type { Behaviour } from './behaviours.ts'
import type { FromKnownAnswer, ServerReport, ToKnownAnswer } from './known-answer.ts'
import type { PusherReport } from './pusher.ts'

const START_TIMEOUT_MS = 10_000
const END_TIMEOUT_MS = 3_000

/** The files that run as processes of their own. */
export interface Entries {
  injector: string
  subscribers: string
  knownAnswer: string
}

/** Beside this module: as sources, or bundled with all chunks in one folder. */
export function entries(): Entries {
  const bundled = !import.meta.url.endsWith('.ts')
  const file = (source: string, bundle: string) => fileURLToPath(new URL(bundled ? bundle : source, import.meta.url))
  return {
    injector: file('../load/injector.ts', 'injector.js'),
    subscribers: file('../load/subscribers.ts', 'subscribers.js'),
    knownAnswer: file('./known-answer.ts', 'known-answer.js'),
  }
}

/** Starts an injector or the subscribers (`prefix`: what to start Node with) and waits for the port of its control connection. */
export async function startControlled(file: string, prefix: readonly string[] = []): Promise<{ target: ControlTarget } & AsyncDisposable> {
  const token = randomBytes(16).toString('hex')
  const [command, ...args] = [...prefix, process.execPath, file]
  const env = { ...process.env, LAB_CONTROL_TOKEN: token, LAB_CONTROL_PORT: '0' }
  const child = spawn(command!, args, { stdio: ['ignore', 'pipe', 'pipe'], env })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2_000)))
  const dispose = () => ended(child)
  try {
    const line = await firstLine(child, () => said)
    return { target: { port: (JSON.parse(line) as { control: number }).control, token }, [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await dispose()
    throw error
  }
}

async function firstLine(child: ChildProcess, said: () => string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const failed = (how: string) => reject(new Error(`${child.spawnargs.join(' ')} ${how}\n${said()}`))
  const timer = setTimeout(() => failed(`gave no port within ${START_TIMEOUT_MS / 1000} s`), START_TIMEOUT_MS)
  createInterface(child.stdout!).once('line', resolve)
  child.once('exit', (code) => failed(`ended with ${code}`))
  child.once('error', reject)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const exited = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), END_TIMEOUT_MS)
  await exited
  clearTimeout(timer)
}

/** The process of servers with known answers. */
export interface KnownAnswers extends AsyncDisposable {
  serve(behaviour: Behaviour): Promise<number>
  push(): Promise<number>
  report(port: number): Promise<ServerReport>
  pushed(port: number): Promise<PusherReport>
}

export async function startKnownAnswers(file: string): Promise<KnownAnswers> {
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const calls = new Map<number, { resolve(reply: FromKnownAnswer): void; reject(error: Error): void }>()
  let count = 0
  child.on('message', (reply: FromKnownAnswer) => {
    calls.get(reply.call)?.resolve(reply)
    calls.delete(reply.call)
  })
  child.on('exit', (code) => calls.forEach(({ reject }) => reject(new Error(`the servers with known answers ended with ${code}`))))
  child.on('error', (error) => calls.forEach(({ reject }) => reject(error)))

  async function call<Reply>(message: DistributiveOmit<ToKnownAnswer, 'call'>): Promise<Reply> {
    const number = count++
    const reply = await new Promise<FromKnownAnswer>((resolve, reject) => {
      calls.set(number, { resolve, reject })
      child.send({ call: number, ...message })
    })
    if ('error' in reply) throw new Error(reply.error)
    return ('port' in reply ? reply.port : reply.report) as Reply
  }
  return {
    serve: (behaviour) => call<number>({ do: 'serve', behaviour }),
    push: () => call<number>({ do: 'push' }),
    report: (port) => call<ServerReport>({ do: 'report', port }),
    pushed: (port) => call<PusherReport>({ do: 'report', port }),
    [Symbol.asyncDispose]: () => ended(child),
  }
}

type DistributiveOmit<T, K extends keyof T> = T extends unknown ? Omit<T, K> : never
