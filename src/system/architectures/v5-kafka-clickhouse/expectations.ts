import type { FaultExpectation } from '../../architecture.ts'
import { withNetwork } from '../../fault-list.ts'
import type { V5Knobs } from './knobs.ts'

/** What faults must look like. */
export function expectations({ brokers }: V5Knobs): FaultExpectation[] {
  const kafka: FaultExpectation[] = brokers === 3
    ? [
        { fault: 'kill', service: 'kafka', clients: 'rejected-or-unknown', recoversWithinS: 20, says: 'Another broker leads its partitions after 3 s; orders on their way there are unknown or refused meanwhile.' },
        { fault: 'pause', service: 'kafka', clients: 'rejected-or-unknown', recoversWithinS: 20, says: 'As if it were away: after 3 s others lead its partitions.' },
      ]
    : [
        { fault: 'kill', service: 'kafka', clients: 'rejected-or-unknown', recoversWithinS: 25, says: '503 while it is away, 504 for what was on its way; dashboards go on from what was read before.' },
        { fault: 'pause', service: 'kafka', clients: 'rejected-or-unknown', recoversWithinS: 20, says: 'Orders on their way wait up to 4 s, then 504; new ones are refused.' },
      ]
  return withNetwork([
    { fault: 'kill', service: 'api', clients: 'rejected-or-unknown', recoversWithinS: 10, says: 'Connections break; whether the orders on them were accepted is unknown. Those accepted are in Kafka.' },
    { fault: 'pause', service: 'api', clients: 'rejected-or-unknown', recoversWithinS: 10, says: 'Nothing is answered while it stands still.' },
    { fault: 'kill', service: 'consumer', clients: 'nothing', recoversWithinS: 20, says: 'Its partitions wait 3 s until the group is formed anew; whoever takes them repeats the cut it had under way, token and all.' },
    { fault: 'pause', service: 'consumer', clients: 'nothing', recoversWithinS: 20, says: 'Others take its partitions over after 3 s; back again, it finds itself out of the group and may write nothing.' },
    ...kafka,
    { fault: 'kill', service: 'clickhouse', clients: 'nothing', recoversWithinS: 20, says: 'Orders are accepted into Kafka and shown from the speed layer; what was being inserted is inserted again and looked for. Analytics: 503.' },
    { fault: 'pause', service: 'clickhouse', clients: 'nothing', recoversWithinS: 20, says: 'As if it were away; dashboards go on from the last totals and the speed layer.' },
    { fault: 'kill', service: 'redis', clients: 'nothing', recoversWithinS: 10, says: 'Dashboards show what is stored, a second later, and never less than before; the consumers write the speed layer anew.' },
    { fault: 'pause', service: 'redis', clients: 'nothing', recoversWithinS: 10, says: 'Dashboards show what is stored, a second later, and never less than before.' },
  ], { servers: ['kafka', 'clickhouse', 'redis'], links: ['api', 'kafka', 'clickhouse', 'redis'] })
}
