import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { logLevel, type EachBatchPayload } from 'kafkajs'
import type { Context } from '../context.ts'
import { reasonOf } from '../reason.ts'
import { connectKafka } from './connect.ts'

const SESSION_MS = 10_000
const WAIT_MS = 50
const RETRY_MS = 250

/** Told of every record, in the order of its partition. A record may come again. Throwing says that it cannot be read: it is logged, and left. */
export type OnRecord = (topic: string, key: Buffer, value: Buffer) => void

/**
 * Reads topics from their beginning, and then all that comes, for as long as it lives: for who keeps in memory what they say. While Kafka is
 * away it tries again, several times a second, and then begins from the beginning.
 */
export function readTopics(context: Context<{ brokers?: unknown }>, purpose: string, topics: readonly string[], onRecord: OnRecord, onBatch: () => void): AsyncDisposable {
  const stop = new AbortController()
  let unreadable = 0
  let quiet = false

  function take(topic: string, { key, value }: EachBatchPayload['batch']['messages'][number]): void {
    // Without a value it deletes its key, which nobody here does; without a key it is none of ours.
    if (key === null || value === null) return
    try {
      onRecord(topic, key, value)
    } catch (error) {
      if (unreadable++ === 0) context.log(`a record of ${topic} is left out: ${reasonOf(error)}`)
    }
  }

  /** Until it crashes, which kafkajs does when Kafka is away for longer than it likes to wait. */
  async function live(): Promise<void> {
    const crashed = new AbortController()
    // A group of its own each time: in the one before, its own ghost would be waited for.
    const groupId = `${purpose}-${randomBytes(6).toString('hex')}`
    const consumer = connectKafka(context, purpose, { logLevel: logLevel.NOTHING, retry: { initialRetryTime: 50, maxRetryTime: RETRY_MS, retries: 4 } })
      .consumer({ groupId, sessionTimeout: SESSION_MS, maxWaitTimeInMs: WAIT_MS, retry: { initialRetryTime: 50, maxRetryTime: RETRY_MS, retries: 4, restartOnFailure: async () => false } })
    consumer.on(consumer.events.CRASH, ({ payload }) => crashed.abort(payload.error))
    try {
      await consumer.connect()
      await consumer.subscribe({ topics: [...topics], fromBeginning: true })
      await consumer.run({
        autoCommitInterval: 1_000,
        async eachBatch({ batch }) {
          for (const message of batch.messages) take(batch.topic, message)
          onBatch()
        },
      })
      if (quiet) context.log(`kafka (${purpose}) is back`)
      quiet = false
      await aborted(AbortSignal.any([crashed.signal, stop.signal]))
      crashed.signal.throwIfAborted()
    } finally {
      await Promise.race([consumer.disconnect().catch(() => {}), sleep(500, undefined, { ref: false })])
    }
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        await live()
      } catch (error) {
        if (!quiet) context.log(`kafka (${purpose}) is away: ${reasonOf(error)}`)
        quiet = true
        await sleep(RETRY_MS, undefined, { signal: stop.signal }).catch(() => {})
      }
    }
  }

  const running = run()
  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await running
    },
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
