import { EXIT, LabError } from '../../run/errors.ts'
import type { ComposeService } from '../compose.ts'

/** What the public image apache/kafka makes of its environment, and what the local runtime puts in its place. */

const HEAP = 'KAFKA_HEAP_OPTS'
/** Variables of the image that are no settings of the broker, and mean nothing to the local runtime. */
const NOT_HERE = [
  'KAFKA_OPTS', 'KAFKA_JMX_OPTS', 'KAFKA_JVM_PERFORMANCE_OPTS', 'KAFKA_GC_LOG_OPTS', 'KAFKA_JMX_HOSTNAME', 'KAFKA_JMX_PORT',
  'KAFKA_LOG4J_OPTS', 'KAFKA_LOG4J_ROOT_LOGLEVEL', 'KAFKA_LOG4J_LOGGERS', 'KAFKA_TOOLS_LOG4J_LOGLEVEL',
]

/** As in the image: `KAFKA_NUM_IO_THREADS` is `num.io.threads`, two underscores are one, three a dash. */
export function settingName(variable: string): string {
  return variable.slice('KAFKA_'.length).toLowerCase().replace(/_{1,3}/g, (found) => ['.', '_', '-'][found.length - 1]!)
}

export function settingsFrom(environment: Readonly<Record<string, string>>): Record<string, string> {
  const variables = Object.keys(environment).filter((name) => name.startsWith('KAFKA_') && name !== HEAP)
  return Object.fromEntries(variables.map((name) => [settingName(name), environment[name]!]))
}

/** Cluster of every image that is not given one. */
const IMAGE_CLUSTER_ID = '5L6g3nShT-eMCtK--X86sw'

export interface Address {
  host: string
  port: number
}

/** By custom the port of the JMX exporter. */
const METRICS_PORT = 9404

/** One broker, as it runs on this machine. */
export interface KafkaNode {
  settings: Record<string, string>
  nodeId: string
  clusterId: string
  /** Where clients reach it. */
  host: string
  port: number
  /** Where its metrics are to be had. */
  metrics?: Address
  /** Words of KAFKA_HEAP_OPTS. */
  heap: string[]
}

const DEFAULT_HEAP = '-Xmx512m -Xms128m'

/**
 * @param hosted where each port of the image is on this machine, by the image's port
 * @param dataFolder for all it writes
 * @throws LabError naming what the image would need as well, or what cannot be had here
 */
export function kafkaNode({ name, environment }: Pick<ComposeService, 'name' | 'environment'>, hosted: ReadonlyMap<number, Address>, dataFolder: string): KafkaNode {
  const unknown = NOT_HERE.filter((variable) => environment[variable] !== undefined)
  if (unknown.length > 0) throw usage(name, `has ${unknown.join(', ')}, which the local runtime does nothing with`, `leave it out; the heap is set by ${HEAP}`)
  const given = settingsFrom(environment)
  const wants = ['node.id', 'process.roles', 'listeners', 'advertised.listeners', 'controller.quorum.voters', 'controller.listener.names']
  const missing = wants.filter((setting) => !given[setting]).map((setting) => `KAFKA_${setting.toUpperCase().replaceAll('.', '_')}`)
  if (missing.length > 0) throw usage(name, `lacks ${missing.join(', ')}`, 'the image has no defaults for them once any KAFKA_… is given')
  const listeners = given.listeners!.split(',').map((listener) => listenerHere(name, listener.trim(), hosted))
  const controllers = given['controller.listener.names']!.split(',').map((one) => one.trim())
  const clients = listeners.find((listener) => !controllers.includes(listener.name))
  if (!clients) throw usage(name, `has no listener for clients in KAFKA_LISTENERS: ${given.listeners}`, 'KAFKA_PROCESS_ROLES: broker,controller')
  return {
    settings: {
      ...given,
      listeners: listeners.map((listener) => `${listener.name}://${listener.host}:${listener.port}`).join(','),
      'log.dirs': dataFolder,
    },
    nodeId: given['node.id']!,
    clusterId: environment.CLUSTER_ID ?? IMAGE_CLUSTER_ID,
    host: clients.host,
    port: clients.port,
    metrics: hosted.get(METRICS_PORT),
    heap: (environment[HEAP] ?? DEFAULT_HEAP).split(/\s+/).filter((word) => word !== ''),
  }
}

interface Listener extends Address {
  name: string
}

/** `PLAINTEXT://:9092` of the image, at the address that its port has here. */
function listenerHere(service: string, listener: string, hosted: ReadonlyMap<number, Address>): Listener {
  const match = /^([A-Za-z0-9_-]+):\/\/[^:/]*:(\d+)$/.exec(listener)
  if (!match) throw usage(service, `has a listener ${JSON.stringify(listener)}`, 'KAFKA_LISTENERS: PLAINTEXT://:9092,CONTROLLER://:9093')
  const address = hosted.get(Number(match[2]))
  if (!address) throw usage(service, `listens on ${match[2]}, which x-lab.ports does not name`, `x-lab: { ports: { …_PORT: ${match[2]} } }`)
  return { name: match[1]!, ...address }
}

function usage(service: string, says: string, fix: string): LabError {
  return new LabError(EXIT.usage, `service ${service} (kafka) ${says}`, fix)
}

/** Java's format of properties: what is special in it is escaped. */
export function propertiesText(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings).map(([key, value]) => `${escaped(key)}=${escaped(value)}\n`).join('')
}

function escaped(text: string): string {
  const unicode = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
  return text.replace(/[\\:=#!]/g, '\\$&').replace(/\n/g, '\\n').replace(/^ /, '\\ ').replace(/[^\x20-\x7e]/g, unicode)
}
