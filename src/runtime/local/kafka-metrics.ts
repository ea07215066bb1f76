import { stringify } from 'yaml'

/**
 * What a broker says of itself, by the JMX exporter inside it: the few figures that tell a broker that is the bottleneck, or a
 * replica that is behind, from a healthy one. Its start costs 0.6 s of a core of 2.8 s (three starts each, interleaved); remote JMX
 * could not be read without a Java of our own.
 */
interface Figure {
  /** `domain:type=…,name=…` */
  bean: string
  attribute: string
  name: string
  type: 'COUNTER' | 'GAUGE'
  /** Brokers measure in ms. */
  valueFactor?: number
}

const TOPICS = 'kafka.server:type=BrokerTopicMetrics'
const REPLICAS = 'kafka.server:type=ReplicaManager'
const PRODUCE = 'kafka.network:type=RequestMetrics,name=TotalTimeMs,request=Produce'
const CONTROLLER = 'kafka.controller:type='

const FIGURES: readonly Figure[] = [
  { bean: `${TOPICS},name=BytesInPerSec`, attribute: 'Count', name: 'lab_kafka_bytes_in_total', type: 'COUNTER' },
  { bean: `${TOPICS},name=BytesOutPerSec`, attribute: 'Count', name: 'lab_kafka_bytes_out_total', type: 'COUNTER' },
  { bean: `${TOPICS},name=MessagesInPerSec`, attribute: 'Count', name: 'lab_kafka_records_in_total', type: 'COUNTER' },
  { bean: `${TOPICS},name=FailedProduceRequestsPerSec`, attribute: 'Count', name: 'lab_kafka_produce_failures_total', type: 'COUNTER' },
  { bean: PRODUCE, attribute: '99thPercentile', name: 'lab_kafka_produce_p99_seconds', type: 'GAUGE', valueFactor: 0.001 },
  { bean: 'kafka.network:type=RequestChannel,name=RequestQueueSize', attribute: 'Value', name: 'lab_kafka_requests_waiting', type: 'GAUGE' },
  { bean: `${REPLICAS},name=UnderReplicatedPartitions`, attribute: 'Value', name: 'lab_kafka_under_replicated_partitions', type: 'GAUGE' },
  { bean: `${REPLICAS},name=IsrShrinksPerSec`, attribute: 'Count', name: 'lab_kafka_isr_shrinks_total', type: 'COUNTER' },
  { bean: `${CONTROLLER}KafkaController,name=OfflinePartitionsCount`, attribute: 'Value', name: 'lab_kafka_partitions_offline', type: 'GAUGE' },
  { bean: `${CONTROLLER}ControllerStats,name=UncleanLeaderElectionsPerSec`, attribute: 'Count', name: 'lab_kafka_unclean_elections_total', type: 'COUNTER' },
]

/** Settings of the JMX exporter; a rule sees a bean as `domain<type=…, name=…><>Attribute: value`. */
export function exporterSettings(): string {
  const rules = FIGURES.map(({ bean, attribute, ...rule }) => ({ pattern: patternOf(bean, attribute), ...rule }))
  return stringify({ includeObjectNames: FIGURES.map(({ bean }) => bean), rules }, { lineWidth: 0 })
}

function patternOf(bean: string, attribute: string): string {
  const [domain = '', keys = ''] = bean.split(':')
  return `^${domain.replaceAll('.', '\\.')}<${keys.split(',').join(', ')}><>${attribute}:`
}
