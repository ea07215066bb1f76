import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import type { Dashboard } from '../../src/system/dashboard.ts'
import { applyDiff, type DiffMessage } from '../../src/system/diff.ts'
import type { Order } from '../../src/system/event.ts'
import { wire } from './orders.ts'

export interface Answer {
  status: number
  body: Record<string, unknown>
  headers: Headers
}

export async function post(url: string, body: string | Uint8Array, type = 'application/json', headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': type, ...headers }, body: body as string, signal: AbortSignal.timeout(10_000) })
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) }
}

/** What became of what was sent, order by order. */
export interface Fates {
  sent: Map<string, Order>
  ok: Set<string>
  rejected: Set<string>
  unknown: Set<string>
}

export interface DriveOptions {
  /** Orders in a request. */
  batch?: number
  inFlight?: number
  attempts?: number
  pauseMs?: number
  /** Told when each order was first sent, and when it was settled. */
  times?: Map<string, { sentAtMs: number; answeredAtMs: number }>
  /** Of every request. */
  headers?: Record<string, string>
}

/**
 * Sends orders as they come, alone or in batches, several at a time, each until it is accepted or `attempts` are used up.
 * An order is `ok` when any attempt was; `rejected` when every attempt left nothing behind.
 */
export async function drive(base: string, orders: readonly Order[], options: DriveOptions = {}): Promise<Fates> {
  const { batch = 1, inFlight = 16, attempts = 1, pauseMs = 0, times = new Map(), headers = {} } = options
  const fates: Fates = { sent: new Map(orders.map((it) => [it.id, it])), ok: new Set(), rejected: new Set(), unknown: new Set() }
  let next = 0
  async function sender(): Promise<void> {
    while (next < orders.length) {
      const part = orders.slice(next, (next += batch))
      const sentAtMs = Date.now()
      const fate = await sendUntilAccepted(base, part, attempts, headers)
      for (const { id } of part) {
        fates[fate].add(id)
        times.set(id, { sentAtMs, answeredAtMs: Date.now() })
      }
      if (pauseMs > 0) await sleep(pauseMs)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, sender))
  return fates
}

async function sendUntilAccepted(base: string, part: readonly Order[], attempts: number, headers: Record<string, string>): Promise<'ok' | 'rejected' | 'unknown'> {
  let perhaps = false
  for (let attempt = 0; attempt < attempts; attempt++) {
    if (attempt > 0) await sleep(100)
    try {
      const { status } = part.length === 1
        ? await post(`${base}/order`, JSON.stringify(wire(part[0]!)), 'application/json', headers)
        : await post(`${base}/orders`, JSON.stringify(part.map(wire)), 'application/json', headers)
      if (status < 300) return 'ok'
      if (status >= 500 && status !== 503) perhaps = true
    } catch {
      perhaps = true
    }
  }
  return perhaps ? 'unknown' : 'rejected'
}

/** A subscriber that folds what it is sent. */
export interface Watcher extends Disposable {
  latest(): Dashboard | undefined
  /** Kinds in the order they came. */
  kinds: string[]
  violations: string[]
  ask(text: string): void
  /** Close code and reason, once it is closed. */
  closed: Promise<{ code: number; reason: string }>
}

export async function watch(url: string, headers: Record<string, string> = {}): Promise<Watcher> {
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/ws/dashboard`, { headers })
  const kinds: string[] = []
  const violations: string[] = []
  let latest: Dashboard | undefined
  socket.on('message', (data) => {
    const { kind, ...rest } = JSON.parse(String(data)) as { kind: string } & Dashboard
    kinds.push(kind)
    const next = kind === 'full' ? rest : latest && applyDiff(latest, { kind, ...rest } as unknown as DiffMessage)
    if (next === undefined) violations.push('a diff that does not follow')
    if (next !== undefined && next.version < (latest?.version ?? 0)) violations.push(`version ${latest?.version} then ${next.version}`)
    latest = next ?? latest
  })
  const closed = new Promise<{ code: number; reason: string }>((resolve) => socket.on('close', (code, reason) => resolve({ code, reason: String(reason) })))
  await new Promise((resolve, reject) => {
    socket.once('open', resolve).once('error', reject)
  })
  socket.on('error', (error) => violations.push(error.message))
  return { latest: () => latest, kinds, violations, closed, ask: (text) => socket.send(text), [Symbol.dispose]: () => socket.terminate() }
}

export async function until(what: string, holds: () => boolean | Promise<boolean>, withinMs = 10_000): Promise<void> {
  const untilMs = performance.now() + withinMs
  while (!(await holds())) {
    if (performance.now() > untilMs) throw new Error(`not within ${withinMs} ms: ${what}`)
    await sleep(20)
  }
}
