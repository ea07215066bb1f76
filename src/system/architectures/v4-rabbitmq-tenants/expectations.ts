import type { FaultExpectation } from '../../architecture.ts'
import { withNetwork } from '../../fault-list.ts'

/** What faults look like: who is in the way of an order are the API, RabbitMQ and, for keys not asked for lately, PostgreSQL. */
export const expectations: readonly FaultExpectation[] = withNetwork([
  { fault: 'kill', service: 'api', clients: 'rejected-or-unknown', recoversWithinS: 5, says: 'Connections break; whether the orders on them were accepted is unknown. Those accepted are in RabbitMQ.' },
  { fault: 'pause', service: 'api', clients: 'rejected-or-unknown', recoversWithinS: 10, says: 'Nobody answers; what clients gave up waiting for may be accepted all the same.' },
  { fault: 'kill', service: 'worker', clients: 'nothing', recoversWithinS: 10, says: 'The queues grow; what the worker held goes back to where it was, and to whoever consumes next.' },
  { fault: 'pause', service: 'worker', clients: 'rejected', recoversWithinS: 20, says: 'The queues grow, up to their limit; then 503. Its shards stay its own until RabbitMQ misses its heartbeats.' },
  { fault: 'kill', service: 'rollup', clients: 'nothing', recoversWithinS: 10, says: 'Analytics add more of the rows that are in no rollup yet; their answers are the same.' },
  { fault: 'kill', service: 'rabbitmq', clients: 'rejected-or-unknown', recoversWithinS: 30, says: '503 at once while it is away, 504 for what was on its way; it takes seconds to start.' },
  { fault: 'pause', service: 'rabbitmq', clients: 'rejected-or-unknown', recoversWithinS: 20, says: 'Orders on their way wait up to 4 s, then 504; new ones are refused with 503 after the first second.' },
  { fault: 'kill', service: 'postgres', clients: 'rejected', recoversWithinS: 20, says: 'Orders under keys known for seconds are accepted into RabbitMQ, others wait for PostgreSQL with 503; nothing is put aside.' },
  { fault: 'pause', service: 'postgres', clients: 'rejected', recoversWithinS: 20, says: 'As killed; the workers wait.' },
  { fault: 'kill', service: 'redis', clients: 'nothing', recoversWithinS: 10, says: 'The unique key of the database decides; reads fall through to PostgreSQL; rate limits are open.' },
  { fault: 'pause', service: 'redis', clients: 'nothing', recoversWithinS: 10, says: 'As killed, after one wait of a tenth of a second.' },
], {
  servers: ['rabbitmq', 'postgres', 'redis'],
  links: ['api', 'rabbitmq', 'postgres', 'redis'],
  slow: { 'latency postgres': { clients: 'rejected', says: 'Orders under keys that are not known yet wait for PostgreSQL; who waits too long is refused with 503.' } },
})
