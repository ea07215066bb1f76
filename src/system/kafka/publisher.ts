import { hostname } from 'node:os'
import type { Backend } from '../architecture.ts'
import type { Context } from '../context.ts'
import type { Order } from '../event.ts'
import { counter, gauge } from '../metrics.ts'
import { createLane, type Lane } from './lane.ts'
import { partitionOfId } from './partition.ts'
import { openSession, type Record, type Transactions } from './session.ts'

/** How long a transaction may stay open: what a killed process leaves behind holds up those who read what is committed for so long. */
const TRANSACTION_TIMEOUT_MS = 5_000

export interface KafkaPublisherOptions {
  topic: string
  partitions: number
  /**
   * `request`: events of a request stay together, in one record batch, which is written whole or not at all. `id`: every event goes where its
   * id belongs ({@link partitionOfId}); those of a request of several are then written in a transaction, and whoever reads what is not committed
   * sees a part of it.
   */
  partitionOf: 'request' | 'id'
  /** The value of an event's record. */
  encode(order: Order): Buffer
  lingerMs: number
}

export interface KafkaPublisher extends AsyncDisposable {
  /** Resolves once Kafka has acknowledged all of them. Rejects with Unavailable (nothing was written) or Unknown. */
  publish(orders: readonly Order[]): Promise<void>
  ready: Backend['ready']
}

let publishers = 0

/** Orders into a topic: idempotent, acknowledged by all replicas in sync, gathered over all requests that are open. */
export function createKafkaPublisher(context: Context<{ brokers?: unknown }>, options: KafkaPublisherOptions): KafkaPublisher {
  const { topic, partitions, partitionOf, encode, lingerMs } = options
  const acknowledged = () => context.failpoint('after-publish')
  let next = 0
  const single = createLane(context, {
    purpose: 'publisher', lingerMs, acknowledged,
    open: () => openSession(context, 'publisher', topic),
    ...(partitionOf === 'request' && { partitionOfFlight: () => next++ % partitions }),
  })
  const lanes = [single]
  const together = partitionOf === 'id' ? transactionLane(context, topic, lingerMs, acknowledged) : undefined
  if (together !== undefined) lanes.push(together)
  gauge('lab_publish_open_events', 'Events handed to Kafka and not answered yet.', () => sum(lanes, (it) => it.openEvents()))
  counter('lab_publish_flights_total', 'Produce requests or transactions; each carries what was gathered.', () => sum(lanes, (it) => it.flights()))

  const toRecord = partitionOf === 'id'
    ? (order: Order): Record => ({ value: encode(order), partition: partitionOfId(order.id, partitions) })
    : (order: Order): Record => ({ value: encode(order), partition: 0 })

  return {
    publish: (orders) => (orders.length > 1 && together !== undefined ? together : single).publish(orders.map(toRecord)),
    ready() {
      const refused = lanes.map((it) => it.refusal(1)).find((it) => it !== undefined)
      return refused === undefined ? { ok: true } : { ok: false, reason: refused.message }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(lanes.map((it) => it[Symbol.asyncDispose]()))
    },
  }
}

/** Several requests share a transaction, as they do a produce request elsewhere. */
function transactionLane(context: Context<{ brokers?: unknown }>, topic: string, lingerMs: number, acknowledged: () => void): Lane {
  const transactions: Transactions = {
    // The same for every session of this process, so that each shuts out the one before it; no other process has it.
    id: `${topic}-${hostname()}-${process.pid}-${++publishers}`,
    timeoutMs: TRANSACTION_TIMEOUT_MS,
    beforeCommit: () => context.failpoint('before-commit'),
  }
  return createLane(context, { purpose: 'publisher-together', lingerMs, acknowledged, open: () => openSession(context, 'publisher-together', topic, transactions) })
}

const sum = (lanes: readonly Lane[], of: (lane: Lane) => number): number => lanes.reduce((total, it) => total + of(it), 0)
