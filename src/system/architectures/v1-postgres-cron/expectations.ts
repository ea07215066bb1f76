import type { FaultExpectation } from '../../architecture.ts'
import { withNetwork } from '../../fault-list.ts'
import type { V1Knobs } from './knobs.ts'

/** A breaker that PostgreSQL's absence has opened stays open for 30 s, however soon it is back. */
const BREAKER_S = 30

/** Every order holds a connection of the pool for as long as its commit takes. */
const SLOW = {
  'latency postgres': { clients: 'rejected-or-unknown', says: 'Ten connections store fifty orders a second at most; who gets none in time is refused with 503.' },
} as const

/** What faults look like; who is in the way of an order depends on how it is written. */
export function expectations({ write, breaker }: Pick<V1Knobs, 'write' | 'breaker'>): FaultExpectation[] {
  return withNetwork([
    { fault: 'kill', service: 'api', clients: 'rejected-or-unknown', recoversWithinS: 5, says: 'Connections break; whether the orders on them were taken is unknown.' },
    { fault: 'pause', service: 'api', clients: 'rejected-or-unknown', recoversWithinS: 10, says: 'Nobody answers; what clients gave up waiting for may be taken all the same.' },
    { fault: 'kill', service: 'aggregator', clients: 'nothing', recoversWithinS: 10, says: 'Orders are stored; the dashboard stands still until it is back.' },
    ...(write === 'buffer' ? BUFFERED : direct(breaker === 'on' ? BREAKER_S : 0)),
  ], { servers: ['postgres', 'redis'], links: ['api', 'postgres', 'redis'], slow: write === 'buffer' ? {} : SLOW })
}

function direct(breakerS: number): FaultExpectation[] {
  return [
    { fault: 'kill', service: 'postgres', clients: 'rejected-or-unknown', recoversWithinS: 15 + breakerS, says: '503 at once while it is away, 504 for what was on its way.' },
    { fault: 'pause', service: 'postgres', clients: 'rejected-or-unknown', recoversWithinS: 10 + breakerS, says: 'Statements under way wait up to 4 s, then 504; new orders are refused with 503 after the first second.' },
    { fault: 'kill', service: 'redis', clients: 'nothing', recoversWithinS: 10, says: 'Orders are stored as ever; reads fall through to PostgreSQL.' },
    { fault: 'pause', service: 'redis', clients: 'nothing', recoversWithinS: 10, says: 'Orders are stored as ever; reads wait a moment for Redis, then fall through to PostgreSQL.' },
  ]
}

const BUFFERED: FaultExpectation[] = [
  { fault: 'kill', service: 'buffer', clients: 'nothing', recoversWithinS: 10, says: 'The list grows; what was stored and not yet taken off it is stored again, to no effect.' },
  { fault: 'kill', service: 'postgres', clients: 'nothing', recoversWithinS: 15, says: 'Orders are accepted into the list; nothing is taken off it until PostgreSQL is back.' },
  { fault: 'pause', service: 'postgres', clients: 'nothing', recoversWithinS: 15, says: 'As killed; the worker waits.' },
  { fault: 'kill', service: 'redis', clients: 'rejected-or-unknown', recoversWithinS: 10, says: '503 at once while it is away, 504 for what was on its way; reads fall through to PostgreSQL.' },
  { fault: 'pause', service: 'redis', clients: 'rejected-or-unknown', recoversWithinS: 10, says: 'Orders on their way wait up to 4 s, then 504; new ones are refused with 503 after the first second.' },
]
