import { connect, type Socket } from 'node:net'
import { Kafka, logLevel, type KafkaConfig, type LogEntry } from 'kafkajs'
import type { Context } from '../context.ts'

/** Of the brokers, in the order of their names: with `brokers=3` all three, so that any of them may be away. */
const BROKERS = ['kafka', 'kafka-2', 'kafka-3'] as const

/** `host:port` of every broker there is, by the knob `brokers`. */
export function bootstrapOf(context: Context<{ brokers?: unknown }>): string[] {
  const { hosts } = context.access('kafka')
  if (hosts !== undefined) return hosts.split(',')
  const count = context.knobs.brokers === 3 ? 3 : 1
  return BROKERS.slice(0, count).map((name) => {
    const { host, port } = context.address(name)
    return `${host}:${port}`
  })
}

/** What a topic or a group is called: on brokers that others use too it has the run's own name before it. */
export function nameIn(context: Pick<Context<unknown>, 'access'>, name: string): string {
  const { namespace } = context.access('kafka')
  return namespace === '' ? name : `${namespace}-${name}`
}

/**
 * Connects to brokers where this process finds them. In containers they advertise the names of their services, which nobody outside can
 * look up, and whoever judges from outside has addresses of its own for these names.
 */
export function reachBrokers(context: Context<{ brokers?: unknown }>): (advertised: { host: string; port: number; onConnect(): void }) => Socket {
  return ({ host, port, onConnect }) => {
    const isName = (BROKERS as readonly string[]).includes(host)
    return connect({ ...(isName ? context.address(host) : { host, port }), noDelay: true }, onConnect)
  }
}

/**
 * A kafkajs client. It retries for seconds by itself and tells of every attempt; here each message is logged once until something else is
 * said, and what it says of things that mend themselves not at all.
 */
export function connectKafka(context: Context<{ brokers?: unknown }>, purpose: string, more: Partial<KafkaConfig> = {}): Kafka {
  hushNegativeTimeouts()
  return new Kafka({
    clientId: purpose,
    brokers: turned(bootstrapOf(context)),
    connectionTimeout: 1_000,
    requestTimeout: 10_000,
    retry: { initialRetryTime: 50, maxRetryTime: 1_000, retries: 8 },
    logLevel: logLevel.WARN,
    logCreator: () => logInto(context, purpose),
    socketFactory: reachBrokers(context),
    ...more,
  })
}

/** From a broker by chance on: kafkajs begins with the first, and would ask one that is frozen again and again. */
function turned(brokers: readonly string[]): string[] {
  const from = Math.floor(Math.random() * brokers.length)
  return [...brokers.slice(from), ...brokers.slice(0, from)]
}

/** Said at every rebalance, at every start, or by whoever will try again. */
const HARMLESS = [
  /rebalanc/i, /The group is/i, /Limiting retries for the idempotent producer/, /Response .*\(key: \d+/, /Connection timeout/, /Failed to connect to seed broker/,
  /This server does not host this topic-partition/, /There is no leader for this topic-partition/, /does not have active members/,
]

/** Pure but for what it remembers: is this worth a line? */
export function worthTelling(): (message: string) => boolean {
  let last: string | undefined
  return (message) => {
    if (message === last || HARMLESS.some((it) => it.test(message))) return false
    last = message
    return true
  }
}

function logInto(context: Context<unknown>, purpose: string): (entry: LogEntry) => void {
  const isWorthTelling = worthTelling()
  return ({ namespace, log }) => {
    const { message } = log
    if (isWorthTelling(message)) context.log(`kafka (${purpose}), ${namespace}: ${message}`)
  }
}

let hushed = false

/**
 * kafkajs looks at its queue of requests again after `-1 - Date.now()` ms; Node takes that for 1 ms, which is meant, and warns. Every other
 * warning goes where it went.
 */
function hushNegativeTimeouts(): void {
  if (hushed) return
  hushed = true
  const emit = process.emitWarning.bind(process) as (...given: unknown[]) => void
  process.emitWarning = ((...given: unknown[]) => {
    if (given[1] !== 'TimeoutNegativeWarning') emit(...given)
  }) as typeof process.emitWarning
}
