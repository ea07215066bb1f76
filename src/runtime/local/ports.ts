import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer, type ListenOptions, type Server } from 'node:net'
import { MissingPrerequisite } from '../errors.ts'

/** Free loopback ports, kept from other labs for as long as they are reserved. */
export interface Reservation extends AsyncDisposable {
  ports: Record<string, number>
}

/** Below lie ports that well-known servers like to take. */
const LOWEST = 15_000

/**
 * Where to look for free ports: below the range from which the kernel takes the ports of outgoing connections. In it,
 * a client that keeps trying to reach a killed server may be given the server's own port and so connect to itself,
 * and a server could find its port taken by a client when it comes back.
 * @param localPortRange content of /proc/sys/net/ipv4/ip_local_port_range, `32768\t60999`
 */
export function portRange(localPortRange: string): { from: number; to: number } {
  const [low = 32_768, high = 60_999] = localPortRange.trim().split(/\s+/).map(Number)
  if (low - LOWEST >= 2_000) return { from: LOWEST, to: low }
  return 65_535 - high >= 2_000 ? { from: high + 1, to: 65_535 } : { from: LOWEST, to: 65_535 }
}

/**
 * Gives each name a port that nobody listens on.
 * @param fixed ports that must be these
 * @throws MissingPrerequisite when a fixed port is taken, naming it
 */
export async function reservePorts(names: readonly string[], fixed: Readonly<Record<string, number>> = {}): Promise<Reservation> {
  const holds: Server[] = []
  const ports: Record<string, number> = {}
  const release = async (): Promise<void> => void (await Promise.all(holds.splice(0).map(closed)))
  try {
    for (const name of names) {
      const wanted = fixed[name]
      const found = wanted === undefined ? await anyPort() : await take(wanted)
      if (!found) throw new MissingPrerequisite(`port ${wanted} (${name}) on 127.0.0.1 is taken`, `free it (\`ss -ltnp 'sport = :${wanted}'\` shows who has it), or choose another`)
      holds.push(found.hold)
      ports[name] = found.port
    }
  } catch (error) {
    await release()
    throw error
  }
  return { ports, [Symbol.asyncDispose]: release }
}

async function anyPort(): Promise<{ port: number; hold: Server }> {
  const { from, to } = portRange(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'))
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const found = await take(randomInt(from, to))
    if (found) return found
  }
  throw new MissingPrerequisite(`no free port on 127.0.0.1 in 200 tries between ${from} and ${to}`, 'end some servers')
}

/**
 * Tries for one port. It is bound once without `reusePort`, which fails when anybody listens on it, with `reusePort` or not;
 * then it is let go for its service. Other labs are kept off by a socket in the abstract namespace (it has the same
 * scope as ports have, and the kernel frees it when the lab dies).
 */
async function take(port: number): Promise<{ port: number; hold: Server } | undefined> {
  const hold = await listening({ path: `\0load-lab-port-${port}` })
  if (!hold) return undefined
  const probe = await listening({ host: '127.0.0.1', port, exclusive: true })
  if (!probe) {
    await closed(hold)
    return undefined
  }
  await closed(probe)
  return { port, hold }
}

function listening(options: ListenOptions): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', () => resolve(undefined))
    server.listen(options, () => resolve(server.unref()))
  })
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()))
}
