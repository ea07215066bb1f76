import { Worker } from 'node:worker_threads'
import { Unavailable, type AnalyticsQuery, type AnalyticsRow } from '../../architecture.ts'
import type { Context } from '../../context.ts'
import type { Dashboard } from '../../dashboard.ts'
import { counter, gauge } from '../../metrics.ts'
import { orderFile } from './file.ts'

/** Readings that wait, at most; beyond it they are refused. */
const MAX_WAITING = 64
/** Who has waited this long is refused as well: most clients have gone by then, and the others get an answer sooner. */
const WAIT_MS = 2_000
const RETRY_AFTER_S = 2
/** A thread that ended by itself is replaced, not at once. */
const REPLACE_AFTER_MS = 1_000

export type Question =
  | { ask: 'dashboard' }
  | { ask: 'analytics'; query: Pick<AnalyticsQuery, 'fromMs' | 'toMs' | 'by'> }
  | { ask: 'page'; after: number }

export interface Answer {
  value?: unknown
  problem?: string
}

interface Waiting {
  question: Question
  sinceMs: number
  resolve(value: unknown): void
  reject(error: Error): void
}

/** The readings of one API process: on threads, one at a time on each, the rest in a bounded queue. */
export interface Readers extends AsyncDisposable {
  dashboard(): Promise<Dashboard>
  analytics(query: AnalyticsQuery): Promise<AnalyticsRow[]>
  /** Every row, page by page, on a thread of its own. */
  pages(): AsyncGenerator<Uint8Array>
}

export function createReaders(context: Context<{ readers: number }>): Readers {
  const path = orderFile(context.dataFolder())
  const queue: Waiting[] = []
  const idle: Worker[] = []
  const threads = new Set<Worker>()
  let answered = 0
  let refused = 0
  let stopped = false
  counter('lab_readings_total', 'Dashboards and analytics computed from the orders.', () => answered)
  counter('lab_readings_refused_total', 'Readings refused as too many waited already, or as they had waited too long.', () => refused)
  gauge('lab_readings_waiting', 'Readings that wait for a thread.', () => queue.length)

  function startThread(): void {
    if (stopped) return
    const thread = newThread(path)
    threads.add(thread)
    idle.push(thread)
    thread.on('error', (error) => context.log(`a reading thread failed: ${error.message}`))
    thread.once('exit', () => {
      threads.delete(thread)
      const at = idle.indexOf(thread)
      if (at >= 0) idle.splice(at, 1)
      if (!stopped) setTimeout(startThread, REPLACE_AFTER_MS).unref()
    })
    next()
  }

  function next(): void {
    while (idle.length > 0) {
      const waiting = queue.shift()
      if (waiting === undefined) return
      if (performance.now() - waiting.sinceMs > WAIT_MS) refuse(waiting, `no reader was free within ${WAIT_MS} ms`)
      else void serve(idle.pop()!, waiting)
    }
  }

  async function serve(thread: Worker, { question, resolve, reject }: Waiting): Promise<void> {
    try {
      resolve(await ask(thread, question))
      answered += 1
    } catch (error) {
      reject(error as Error)
    }
    if (threads.has(thread)) idle.push(thread)
    next()
  }

  function refuse(waiting: Pick<Waiting, 'reject'>, why: string): void {
    refused += 1
    waiting.reject(new Unavailable(why, RETRY_AFTER_S))
  }

  function read(question: Question): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const waiting = { question, sinceMs: performance.now(), resolve, reject }
      if (queue.length >= MAX_WAITING) return refuse(waiting, `${MAX_WAITING} readings wait already`)
      queue.push(waiting)
      next()
    })
  }

  for (let i = 0; i < context.knobs.readers; i++) startThread()
  return {
    dashboard: async () => (await read({ ask: 'dashboard' })) as Dashboard,
    analytics: async (query) => (await read({ ask: 'analytics', query })) as AnalyticsRow[],
    async *pages() {
      const thread = newThread(path)
      try {
        for (let after = 0; ;) {
          const page = (await ask(thread, { ask: 'page', after })) as { bytes: Uint8Array; last: number } | undefined
          if (page === undefined) return
          yield page.bytes
          after = page.last
        }
      } finally {
        await thread.terminate()
      }
    },
    async [Symbol.asyncDispose]() {
      stopped = true
      for (const waiting of queue.splice(0)) refuse(waiting, 'the API is stopping')
      await Promise.all([...threads].map((thread) => thread.terminate()))
    },
  }
}

/** Beside the bundle that this is part of. */
function newThread(path: string): Worker {
  return new Worker(new URL('./v0-thread.js', import.meta.url), { workerData: { path } })
}

/** A thread has one question at a time. */
function ask(thread: Worker, question: Question): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const settle = (error: Error | undefined, value?: unknown) => {
      thread.off('message', onMessage).off('error', onError).off('exit', onExit)
      if (error === undefined) resolve(value)
      else reject(error)
    }
    const onMessage = ({ value, problem }: Answer) => settle(problem === undefined ? undefined : new Unavailable(`SQLite does not answer: ${problem}`, 1), value)
    const onError = (error: Error) => settle(new Unavailable(`the reading ended: ${error.message}`, 1))
    const onExit = () => settle(new Unavailable('the reading ended', 1))
    thread.on('message', onMessage).on('error', onError).on('exit', onExit)
    thread.postMessage(question)
  })
}
