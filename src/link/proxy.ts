import { createServer, Socket, type AddressInfo } from 'node:net'
import { createFlow, NO_CONDITIONS, type Conditions, type Flow } from './flow.ts'
import { createThrottle, type Throttle } from './throttle.ts'
import type { Toxic } from './toxic.ts'

/** A TCP proxy in front of one service, with nothing done to its connections until toxics are added. */
export interface Proxy extends AsyncDisposable {
  port: number
  /** @returns its number */
  add(toxic: Toxic): number
  /** Heals it: what was held goes on, what a timeout has swallowed from is closed. */
  remove(id: number): boolean
  counts(): Counts
}

export interface Counts {
  open: number
  accepted: number
  /** Cut by a toxic, on both sides. */
  cut: number
  bytesUp: number
  bytesDown: number
}

export interface Address {
  host: string
  port: number
}

interface Active {
  id: number
  toxic: Toxic
  up?: Throttle
  down?: Throttle
}

interface Connection {
  client: Socket
  upstream: Socket
  connecting: boolean
  up: Flow
  down: Flow
  /** Which toxics it met by its throw of the dice. */
  met: Set<number>
}

/** Held back in one direction of one connection at most, and in all together (never less than the least each). */
const MOST_HELD_BYTES = 4 << 20
const LEAST_HELD_BYTES = 64 << 10
const ALL_HELD_BYTES = 64 << 20
const BACKLOG = 4_096

export async function startProxy(listen: Address, target: Address, random: () => number = Math.random): Promise<Proxy> {
  const connections = new Set<Connection>()
  const active = new Map<number, Active>()
  const total = { accepted: 0, cut: 0, bytesUp: 0, bytesDown: 0 }
  let lastId = 0
  const mostBytes = (): number => Math.max(LEAST_HELD_BYTES, Math.min(MOST_HELD_BYTES, ALL_HELD_BYTES / (2 * Math.max(1, connections.size))))

  function accept(client: Socket): void {
    total.accepted += 1
    client.setNoDelay(true)
    const upstream = new Socket({ allowHalfOpen: true })
    upstream.setNoDelay(true)
    const connection: Connection = { client, upstream, connecting: false, met: new Set(), up: undefined as unknown as Flow, down: undefined as unknown as Flow }
    const breakOff = (): void => cut(connection)
    for (const one of active.values()) meet(connection, one)
    if ([...connection.met].some((id) => active.get(id)!.toxic.kind === 'reset')) {
      total.cut += 1
      client.on('error', () => undefined)
      client.resetAndDestroy()
      return
    }
    connection.up = createFlow({ source: client, sink: upstream, random, mostBytes, breakOff })
    connection.down = createFlow({ source: upstream, sink: client, random, mostBytes, breakOff })
    connections.add(connection)
    client.on('close', () => left(connection))
    upstream.on('close', () => left(connection))
    apply(connection)
  }

  function meet(connection: Connection, { id, toxic }: Active): void {
    if (toxic.share >= 1 || random() < toxic.share) connection.met.add(id)
  }

  function apply(connection: Connection): void {
    const suffered = [...connection.met].flatMap((id) => active.get(id) ?? [])
    const up = conditions(suffered, 'up')
    const down = conditions(suffered, 'down')
    // Nothing is asked of the service for a connection from which nothing may reach it. What is let go of next must find it being made.
    if (!connection.connecting && !up.hold && !up.swallow && !connection.client.destroyed) {
      connection.connecting = true
      connection.upstream.connect(target)
    }
    connection.up.change(up)
    connection.down.change(down)
  }

  function cut(connection: Connection): void {
    total.cut += 1
    connection.client.resetAndDestroy()
    close(connection)
  }

  /** The upstream one breaks the same way, unless it was never made. */
  function close({ upstream, connecting }: Connection, gently = false): void {
    if (gently || !connecting) upstream.destroy()
    else upstream.resetAndDestroy()
  }

  /** One side is gone: what is held for the other still goes there, and its end with it. */
  function left(connection: Connection): void {
    const { client, upstream, connecting, up, down } = connection
    if (client.destroyed && !connecting) upstream.destroy()
    if (!client.destroyed || !upstream.destroyed || !connections.delete(connection)) return
    total.bytesUp += up.bytes
    total.bytesDown += down.bytes
    up.drop()
    down.drop()
  }

  const server = createServer({ allowHalfOpen: true, noDelay: true }, accept)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ ...listen, backlog: BACKLOG }, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    add(toxic) {
      const { bytesPerSecond, direction } = toxic
      const id = (lastId += 1)
      const throttle = (way: 'up' | 'down'): Throttle | undefined => (bytesPerSecond === undefined || (direction !== 'both' && direction !== way) ? undefined : createThrottle(bytesPerSecond))
      const one: Active = { id, toxic, up: throttle('up'), down: throttle('down') }
      active.set(id, one)
      for (const connection of connections) {
        meet(connection, one)
        if (!connection.met.has(id)) continue
        if (toxic.kind === 'reset') cut(connection)
        else apply(connection)
      }
      return id
    },
    remove(id) {
      const removed = active.get(id)
      if (!active.delete(id)) return false
      for (const connection of [...connections].filter(({ met }) => met.delete(id))) {
        if (removed!.toxic.kind === 'timeout') {
          connection.client.destroy()
          close(connection, true)
        } else apply(connection)
      }
      return true
    },
    counts() {
      const open = [...connections]
      return {
        open: open.length,
        accepted: total.accepted,
        cut: total.cut,
        bytesUp: open.reduce((sum, { up }) => sum + up.bytes, total.bytesUp),
        bytesDown: open.reduce((sum, { down }) => sum + down.bytes, total.bytesDown),
      }
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const { client, upstream } of connections) {
        client.destroy()
        upstream.destroy()
      }
      await closed
    },
  }
}

/** What several toxics do together: delays add up, the lowest rate counts. */
function conditions(suffered: readonly Active[], way: 'up' | 'down'): Conditions {
  return suffered
    .filter(({ toxic }) => toxic.direction === 'both' || toxic.direction === way)
    .reduce<Conditions>((sum, { toxic, [way]: throttle }) => {
      const slower = throttle !== undefined && throttle.bytesPerSecond < (sum.throttle?.bytesPerSecond ?? Infinity) ? throttle : sum.throttle
      return {
        delayMs: sum.delayMs + toxic.delayMs,
        jitterMs: sum.jitterMs + toxic.jitterMs,
        closeMs: sum.closeMs + toxic.closeMs,
        hold: sum.hold || toxic.kind === 'partition',
        swallow: sum.swallow || toxic.kind === 'timeout',
        breaks: sum.breaks || toxic.kind === 'reset-reply',
        ...(slower && { throttle: slower }),
      }
    }, NO_CONDITIONS)
}
