/**
 *  POST ──▶ memory of the API process ──▶ dashboard ──▶ /ws/dashboard
 *
 *  Nothing behind the API: the ceiling of HTTP, validation and the harness. Every other architecture is also measured
 *  as a share of this one, and begins as a copy of it. Accepted events are gone with the process.
 */
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { z } from 'zod'
import { analyse } from '../analytics.ts'
import type { Backend, Judge } from '../architecture.ts'
import { addOrder, emptyDashboard, topProducts, type Dashboard } from '../dashboard.ts'
import { defineArchitecture } from '../define.ts'
import type { Order, StoredOrder } from '../event.ts'

const ROWS_A_CHUNK = 1_000
const STORED: Promise<void> = Promise.resolve()

function memoryBackend(): Backend {
  const ids = new Set<string>()
  const orders: Order[] = []
  const persistedAtMs: number[] = []
  const totals = emptyDashboard()
  const listeners = new Set<() => void>()

  return {
    accepted: 201,
    publish(batch) {
      const nowMs = Date.now()
      for (const order of batch) {
        if (ids.has(order.id)) continue
        ids.add(order.id)
        orders.push(order)
        persistedAtMs.push(nowMs)
        addOrder(totals, order)
      }
      for (const listener of listeners) listener()
      return STORED
    },
    // A copy: whoever has it compares it with later ones.
    dashboard: async () => ({ ...structuredClone(totals), asOf: new Date().toISOString(), top: topProducts(totals.byProduct) }),
    analytics: async (query) => analyse(orders, query),
    onChange(listener) {
      listeners.add(listener)
      return { [Symbol.dispose]: () => void listeners.delete(listener) }
    },
    ready: () => ({ ok: true }),
    routes(app) {
      app.get('/internal/persisted', (_request, reply) => {
        reply.type('application/x-ndjson').send(Readable.from(rows(orders, persistedAtMs)))
      })
    },
    async [Symbol.asyncDispose]() {},
  }
}

/** NDJSON, some thousand rows a chunk, with the rows there were when it began. */
function* rows(orders: readonly Order[], persistedAtMs: readonly number[]): Generator<string> {
  const total = orders.length
  for (let from = 0; from < total; from += ROWS_A_CHUNK) {
    const chunk = orders.slice(from, Math.min(from + ROWS_A_CHUNK, total))
    yield chunk.map((order, i) => `${JSON.stringify({ ...order, persistedAtMs: persistedAtMs[from + i] })}\n`).join('')
  }
}

/** Everything is inside the API, so it is asked; the route is for the judge alone. */
function memoryJudge(url: string): Judge {
  const dashboard = async () => (await (await ask(`${url}/api/dashboard`)).json()) as Dashboard
  return {
    async *persisted() {
      const { body } = await ask(`${url}/internal/persisted`)
      let batch: StoredOrder[] = []
      for await (const line of createInterface({ input: Readable.fromWeb(body!), crlfDelay: Infinity })) {
        batch.push(JSON.parse(line) as StoredOrder)
        if (batch.length === ROWS_A_CHUNK) {
          yield batch
          batch = []
        }
      }
      if (batch.length > 0) yield batch
    },
    dashboard,
    backlog: async () => 0,
    stored: async () => (await dashboard()).count,
    async [Symbol.asyncDispose]() {},
  }
}

async function ask(url: string): Promise<Response> {
  const response = await fetch(url)
  if (!response.ok) throw new Error(`GET ${url} answered ${response.status}: ${(await response.text()).slice(0, 200)}`)
  return response
}

export const architecture = defineArchitecture({
  id: 'null',
  title: 'Nothing behind the API',
  flow: 'HTTP ─▶ memory ─▶ dashboard',
  knobs: z.object({
    payload: z.enum(['full', 'diff']).default('full').describe('What the dashboard socket pushes: the whole dashboard, or what changed.'),
  }),
  guarantee: () => ({
    level: 'none',
    says: 'Accepted events live in the API process and are gone with it; while it lives each is kept and counted once.',
    mayLose: { after: ['api'], says: 'everything, when the API process ends', reachesBackMs: 'everything' },
  }),
  api: async () => memoryBackend(),
  roles: {},
  judge: async (context) => {
    const { host, port } = context.address('api')
    return memoryJudge(`http://${host}:${port}`)
  },
  failpoints: [],
  faults: [
    { fault: 'kill', service: 'api', clients: 'rejected-or-unknown', recoversWithinS: 5, says: 'Everything accepted so far is gone.' },
  ],
})
