import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Address, Proxy } from './proxy.ts'
import { isToxic, type Toxic } from './toxic.ts'

/** How the lab steers a proxy: `POST /toxics` → 201 `{ id }`, `DELETE /toxics/<id>` → 204, `GET /` → counts. With the run's token. */
export async function serveControl(proxy: Proxy, listen: Address, token: string): Promise<Server> {
  const server = createServer((request, reply) => {
    answer(proxy, token, request).then(
      ({ status, body }) => send(reply, status, body),
      (error: unknown) => send(reply, 400, { error: (error as Error).message }),
    )
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(listen, resolve)
  })
  return server
}

const LONGEST_BODY = 4_096

async function answer(proxy: Proxy, token: string, request: IncomingMessage): Promise<{ status: number; body?: unknown }> {
  if (request.headers.authorization !== `Bearer ${token}`) return { status: 401 }
  const id = /^\/toxics\/(\d{1,9})$/.exec(request.url ?? '')?.[1]
  if (request.method === 'DELETE' && id !== undefined) return { status: proxy.remove(Number(id)) ? 204 : 404 }
  if (request.method === 'GET' && request.url === '/') return { status: 200, body: proxy.counts() }
  if (request.method !== 'POST' || request.url !== '/toxics') return { status: 404 }
  let text = ''
  for await (const chunk of request) {
    text += String(chunk)
    if (text.length > LONGEST_BODY) return { status: 413 }
  }
  const toxic = JSON.parse(text) as Toxic
  if (!isToxic(toxic.kind)) throw new Error(`there is no toxic ${JSON.stringify(toxic.kind)}`)
  return { status: 201, body: { id: proxy.add(toxic) } }
}

function send(reply: ServerResponse, status: number, body: unknown): void {
  reply.writeHead(status, { 'content-type': 'application/json' })
  reply.end(body === undefined ? undefined : JSON.stringify(body))
}
