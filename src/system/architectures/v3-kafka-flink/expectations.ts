import type { FaultExpectation } from '../../architecture.ts'
import { withNetwork } from '../../fault-list.ts'
import type { V3Knobs } from './knobs.ts'

/** What faults look like: who is in the way of an order are the API and Kafka; everything behind catches up. */
export function expectations({ brokers }: V3Knobs): readonly FaultExpectation[] {
  const kafka = brokers === 3 ? ['kafka', 'kafka-2', 'kafka-3'] : ['kafka']
  return withNetwork([...FRONT, ...(brokers === 3 ? OF_THREE : OF_ONE), ...BEHIND], { servers: [...kafka, 'postgres', 'redis'], links: ['api', ...kafka, 'postgres', 'redis'] })
}

const FRONT: readonly FaultExpectation[] = [
  { fault: 'kill', service: 'api', clients: 'rejected-or-unknown', recoversWithinS: 5, says: 'Connections break; whether the orders on them were accepted is unknown. Those accepted are in Kafka.' },
  { fault: 'pause', service: 'api', clients: 'rejected-or-unknown', recoversWithinS: 10, says: 'Nobody answers; what clients gave up waiting for may be accepted all the same.' },
]

const OF_ONE: readonly FaultExpectation[] = [
  { fault: 'kill', service: 'kafka', clients: 'rejected-or-unknown', recoversWithinS: 30, says: '503 at once while it is away, 504 for what was on its way; Flink goes back to its last checkpoint and reads on.' },
  { fault: 'pause', service: 'kafka', clients: 'rejected-or-unknown', recoversWithinS: 20, says: 'Orders on their way wait up to 4 s, then 504; new ones are refused with 503 after the first second.' },
]

const OF_THREE: readonly FaultExpectation[] = ['kafka', 'kafka-2', 'kafka-3'].flatMap((service) => [
  { fault: 'kill', service, clients: 'rejected-or-unknown', recoversWithinS: 30, says: 'Its partitions have another leader within about three seconds; what is on its way to it waits that long.' },
  { fault: 'pause', service, clients: 'rejected-or-unknown', recoversWithinS: 30, says: 'As killed: the others replace it when it has not been heard of for three seconds.' },
])

const BEHIND: readonly FaultExpectation[] = [
  { fault: 'kill', service: 'taskmanager', clients: 'nothing', recoversWithinS: 45, says: 'The job waits for a TaskManager and goes on from its last checkpoint; the backlog grows meanwhile.' },
  { fault: 'pause', service: 'taskmanager', clients: 'nothing', recoversWithinS: 45, says: 'When it has not been heard of for a while it counts as dead; the job goes on from its last checkpoint.' },
  { fault: 'kill', service: 'jobmanager', clients: 'nothing', recoversWithinS: 60, says: 'It forgets the job; `job` submits it again from the newest checkpoint that is kept.' },
  { fault: 'pause', service: 'jobmanager', clients: 'nothing', recoversWithinS: 60, says: 'The job goes on, without checkpoints; after a long pause it begins again from the last one.' },
  { fault: 'kill', service: 'sql-gateway', clients: 'nothing', recoversWithinS: 30, says: 'Nobody notices: it is needed for submitting only.' },
  { fault: 'pause', service: 'sql-gateway', clients: 'nothing', recoversWithinS: 30, says: 'As killed.' },
  { fault: 'kill', service: 'job', clients: 'nothing', recoversWithinS: 15, says: 'The job goes on in Flink; started again, `job` finds it there.' },
  { fault: 'pause', service: 'job', clients: 'nothing', recoversWithinS: 15, says: 'Nobody looks after the job meanwhile.' },
  { fault: 'kill', service: 'projector', clients: 'nothing', recoversWithinS: 15, says: 'The dashboard stands still; started again, the projector reads the compacted topics from the beginning.' },
  { fault: 'pause', service: 'projector', clients: 'nothing', recoversWithinS: 15, says: 'The dashboard stands still.' },
  { fault: 'kill', service: 'postgres', clients: 'nothing', recoversWithinS: 60, says: 'Orders are accepted into Kafka; the job fails at its sink, and goes on from its last checkpoint once PostgreSQL is back. No analytics meanwhile.' },
  { fault: 'pause', service: 'postgres', clients: 'nothing', recoversWithinS: 60, says: 'Orders are accepted into Kafka; the sink waits. No analytics meanwhile.' },
  { fault: 'kill', service: 'redis', clients: 'nothing', recoversWithinS: 10, says: 'The dashboard is added up in PostgreSQL; the projector fills Redis again within a second.' },
  { fault: 'pause', service: 'redis', clients: 'nothing', recoversWithinS: 10, says: 'As killed, after one wait of half a second.' },
]
