import { setTimeout as sleep } from 'node:timers/promises'
import type { Judge } from '../../architecture.ts'
import type { Context } from '../../context.ts'
import type { Dashboard } from '../../dashboard.ts'
import type { Order, StoredOrder } from '../../event.ts'
import { encodeOrders } from '../../record.ts'
import { closeRedis, connectRedis } from '../../redis.ts'
import { PERSISTED_PATH, SEED_EVENTS, SEED_PATH, STORED_PATH } from './backend.ts'
import { orderChannel } from './channel.ts'
import { decodeRows, ROW_BYTES } from './reader.ts'

const CONNECT_WITHIN_MS = 5_000

/** The file may be inside a container: so the API is asked, on routes that are for this alone. */
export async function createJudge(context: Context): Promise<Judge> {
  const url = apiUrl(context)
  const redis = connectRedis(context, 'judge')
  const channel = orderChannel(redis)
  const deadlineMs = performance.now() + CONNECT_WITHIN_MS
  while (redis.status !== 'ready' && performance.now() < deadlineMs) await sleep(10)
  return {
    persisted: () => readPersisted(`${url}${PERSISTED_PATH}`),
    dashboard: async () => (await (await ask(`${url}/api/dashboard`)).json()) as Dashboard,
    /**
     * What was published, less what the consumer has put behind it: 0 only when nothing is on its way. What is lost counts until
     * the consumer hears where the channel is, as it may still come until then.
     */
    async backlog() {
      const { published, passed } = await channel.positions()
      if (passed === undefined) throw new Error('the consumer has not said yet where it is: Redis forgot it, or it never subscribed')
      return Math.max(0, published - passed)
    },
    stored: async () => ((await (await ask(`${url}${STORED_PATH}`)).json()) as { count: number }).count,
    [Symbol.asyncDispose]: () => closeRedis(redis),
  }
}

/** History, past Redis: each request is one transaction. */
export async function seed(context: Context, orders: AsyncIterable<Order[]>): Promise<void> {
  const url = `${apiUrl(context)}${SEED_PATH}`
  const send = async (part: readonly Order[]) => {
    await ask(url, { method: 'POST', headers: { 'content-type': 'application/octet-stream' }, body: encodeOrders(part), signal: context.signal })
  }
  for await (const batch of orders) {
    for (let from = 0; from < batch.length; from += SEED_EVENTS) await send(batch.slice(from, from + SEED_EVENTS))
  }
}

function apiUrl(context: Context): string {
  const { host, port } = context.address('api')
  return `http://${host}:${port}`
}

async function* readPersisted(url: string): AsyncGenerator<StoredOrder[]> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of (await ask(url)).body!) {
    const bytes = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk])
    const whole = bytes.length - (bytes.length % ROW_BYTES)
    rest = bytes.subarray(whole)
    if (whole > 0) yield decodeRows(bytes.subarray(0, whole))
  }
  if (rest.length > 0) throw new Error(`GET ${url} ended in the middle of a row (${rest.length} bytes left)`)
}

async function ask(url: string, request: RequestInit = {}): Promise<Response> {
  const response = await fetch(url, request)
  if (!response.ok) throw new Error(`${request.method ?? 'GET'} ${url} answered ${response.status}: ${(await response.text()).slice(0, 200)}`)
  return response
}
