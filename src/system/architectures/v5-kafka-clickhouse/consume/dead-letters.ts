import { Partitioners, type Kafka } from 'kafkajs'

/** Bytes in the topic of orders that are no order: they can never be stored. */
export interface DeadRecord {
  partition: number
  offset: number
  value: Buffer | null
  reason: string
}

/**
 * A compacted topic, key `partition:offset` of the record in question: put there before what comes after it is stored, and if that is done twice
 * the second takes the place of the first. Reason and time are in the headers, the bytes are the value.
 */
export interface DeadTopic extends AsyncDisposable {
  put(records: readonly DeadRecord[]): Promise<void>
}

const WITHIN_MS = 5_000

export function createDeadTopic(kafka: Kafka, topic: string): DeadTopic {
  const producer = kafka.producer({
    idempotent: true, maxInFlightRequests: 1, createPartitioner: Partitioners.DefaultPartitioner, retry: { retries: 5, maxRetryTime: 500 },
  })
  let connected: Promise<void> | undefined
  return {
    async put(records) {
      if (records.length === 0) return
      await (connected ??= producer.connect().catch((error: unknown) => {
        connected = undefined
        throw error
      }))
      const messages = records.map(({ partition, offset, value, reason }) => ({ key: `${partition}:${offset}`, value, headers: { reason } }))
      await producer.send({ topic, acks: -1, timeout: WITHIN_MS, messages })
    },
    async [Symbol.asyncDispose]() {
      if (connected !== undefined) await producer.disconnect()
    },
  }
}

/** Why these bytes are no order. */
export function whyNoOrder(value: Buffer | null, recordBytes: number): string {
  if (value === null) return `no value where an order has ${recordBytes} bytes`
  if (value.length !== recordBytes) return `${value.length} bytes where an order has ${recordBytes}`
  return 'its type, store or product is none there is'
}
