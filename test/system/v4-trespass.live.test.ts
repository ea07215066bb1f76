import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import type { Trespass } from '../../src/system/architecture.ts'
import { forgeries, kidOf } from '../../src/system/architectures/v4-rabbitmq-tenants/trespass/forgeries.ts'
import { createTrespasser } from '../../src/system/architectures/v4-rabbitmq-tenants/trespass/trespasser.ts'

/** An API of two tenants that knows who is asking, and heeds it or does not. */
interface Behaviour {
  /** Refuses what is another's. */
  heeds: boolean
  /** Answers nothing but 503 once signed up. */
  away?: boolean
}

let stop: () => Promise<void> = async () => {}
afterEach(() => stop())

const segment = (content: object) => Buffer.from(JSON.stringify(content)).toString('base64url')
const tokenOf = (workspace: number) => `${segment({ alg: 'HS256', typ: 'JWT', kid: 'k1' })}.${segment({ iss: 'load-lab', aud: 'load-lab:workspace', sub: '1', ws: workspace, iat: 1, exp: 2 })}.signature-${workspace}`
const keyOf = (workspace: number) => `lk_${workspace}_prefix-000${workspace}_${'s'.repeat(43)}`

async function serve(behaviour: Behaviour): Promise<string> {
  const tenants: { workspace: number; slug: string; email: string }[] = []
  const orders: { workspace: number; product: string; cents: number }[] = []
  const known = [1, 2]
  const asked = ({ headers }: IncomingMessage) => known.find((it) => headers.authorization === `Bearer ${tokenOf(it)}`)
  const dashboard = (workspace: number | undefined) => {
    const seen = orders.filter((it) => !behaviour.heeds || it.workspace === workspace)
    const byProduct = Object.fromEntries(seen.map(({ product }) => [product, { count: seen.filter((it) => it.product === product).length, revenueCents: 0 }]))
    return { count: seen.length, revenueCents: seen.reduce((sum, { cents }) => sum + cents, 0), byProduct }
  }

  function answer(request: IncomingMessage, body: Record<string, unknown>): [status: number, content: unknown] {
    const url = new URL(request.url!, 'http://api')
    const to = `${request.method} ${url.pathname}`
    const workspace = asked(request)
    if (to === 'POST /v1/users') {
      tenants.push({ workspace: tenants.length + 1, slug: body['workspace'] as string, email: body['email'] as string })
      return [201, { user: tenants.length, workspace: { id: tenants.length } }]
    }
    if (to === 'POST /v1/login') return [200, { token: tokenOf(tenants.find(({ email }) => email === body['email'])!.workspace) }]
    const isOwnProject = to !== 'POST /v1/api-keys' || body['project'] === workspace
    if (to === 'POST /v1/projects' && workspace !== undefined) return [201, { id: workspace }]
    if (to === 'POST /v1/api-keys' && workspace !== undefined && body['name'] === 'borders' && isOwnProject) return [201, { id: workspace, key: keyOf(workspace), prefix: `prefix-000${workspace}` }]
    if (behaviour.away) return [503, {}]
    if (to === 'POST /v1/ingest') {
      const sender = known.find((it) => request.headers['x-api-key'] === keyOf(it))
      if (sender === undefined && behaviour.heeds) return [401, {}]
      if (sender !== undefined) orders.push({ workspace: sender, product: body['product'] as string, cents: Math.round((body['amount'] as number) * 100) })
      return [202, {}]
    }
    if (url.pathname === '/metrics') return [200, behaviour.heeds ? '' : { of: tenants[1]!.slug }]
    if (workspace === undefined && behaviour.heeds) return [401, {}]
    if (to === 'GET /api/dashboard') return [200, dashboard(workspace)]
    if (url.pathname.endsWith('/analytics')) return [200, Object.entries(dashboard(workspace).byProduct).map(([key, tally]) => ({ key, ...tally, revenueCents: tally.count * orders.find(({ product }) => product === key)!.cents }))]
    if (request.method === 'GET') return [200, behaviour.heeds ? tenants.filter((it) => it.workspace === workspace) : tenants]
    return behaviour.heeds ? [404, {}] : [200, {}]
  }

  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString()
      const [status, content] = answer(request, text === '' ? {} : (JSON.parse(text) as Record<string, unknown>))
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(content))
    })
  })
  const sockets = new WebSocketServer({ noServer: true })
  server.on('upgrade', (request, socket, head) => {
    const workspace = asked(request)
    if ((workspace === undefined && behaviour.heeds) || behaviour.away) return void socket.end(`HTTP/1.1 ${behaviour.away ? 503 : 401} No\r\nContent-Length: 0\r\n\r\n`)
    sockets.handleUpgrade(request, socket, head, (client) => client.send(JSON.stringify(dashboard(workspace))))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  stop = async () => {
    for (const client of sockets.clients) client.terminate()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function rounds(behaviour: Behaviour): Promise<{ owners: readonly string[]; accepted: number; attempts: Trespass[] }> {
  await using trespasser = await createTrespasser(undefined, await serve(behaviour))
  await trespasser.round()
  const attempts = await trespasser.round()
  return { owners: trespasser.owners, accepted: trespasser.accepted(), attempts }
}

test('an API that heeds whose everything is: every attempt is answered, none leaks, both have their orders of the same ids', async () => {
  const { owners, accepted, attempts } = await rounds({ heeds: true })
  expect(attempts.filter(({ leaked }) => leaked !== undefined)).toEqual([])
  expect(attempts.length).toBeGreaterThan(35)
  expect(owners).toEqual(['1', '2'])
  expect(accepted).toBe(4)
})

test('one that does not: every single attempt leaks, and no secret is in what is said of it', async () => {
  const { attempts } = await rounds({ heeds: false })
  expect(attempts.filter(({ leaked }) => leaked === undefined).map(({ tried }) => tried)).toEqual([])
  expect(attempts.length).toBeGreaterThan(35)
  expect(JSON.stringify(attempts)).not.toMatch(/lk_\d|eyJ|prefix-000/)
  expect(attempts.find(({ tried }) => tried === 'the dashboard by its own token')?.leaked).toContain('2 of cookie')
})

test('one that is away proves nothing: no attempt counts', async () => {
  expect(await rounds({ heeds: true, away: true })).toMatchObject({ accepted: 0, attempts: [] })
})

test('forgeries: each is another token than the true one, and names the other workspace or the operator', () => {
  const token = tokenOf(1)
  const all = forgeries(token, { workspace: 2, kid: kidOf(token) })
  expect(new Set([token, ...all.map((it) => it.token)]).size).toBe(all.length + 1)
  for (const forged of all) {
    const claims = JSON.parse(Buffer.from(forged.token.split('.')[1]!, 'base64url').toString()) as { ws?: number; aud: string }
    expect(claims.ws === 2 || claims.aud === 'load-lab:operator').toBe(true)
  }
})
