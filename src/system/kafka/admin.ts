import { setTimeout as sleep } from 'node:timers/promises'
import { logLevel, type Admin } from 'kafkajs'
import type { Context } from '../context.ts'
import { connectKafka } from './connect.ts'

/** For who asks Kafka now and then. */
export interface KafkaAdmin extends AsyncDisposable {
  /** Asked again on a new connection when it fails, as the first may have been to a broker that is gone; rejects once that takes too long. */
  ask<T>(question: (admin: Admin) => Promise<T>): Promise<T>
}

const RETRY_MS = 100

/** One connection for all questions as long as it answers. */
export function createKafkaAdmin(context: Context<{ brokers?: unknown }>, purpose: string, withinMs = 4_000): KafkaAdmin {
  let connecting: Promise<Admin> | undefined

  async function connected(): Promise<Admin> {
    // Retrying is done here; where nothing answers at all, the next attempt may ask another broker.
    const admin = connectKafka(context, purpose, { retry: { initialRetryTime: 50, maxRetryTime: 100, retries: 1 }, requestTimeout: withinMs / 2, logLevel: logLevel.NOTHING }).admin()
    await admin.connect()
    return admin
  }

  function drop(): void {
    connecting?.then((it) => it.disconnect()).catch(() => {})
    connecting = undefined
  }

  async function attempts<T>(question: (admin: Admin) => Promise<T>, done: AbortSignal): Promise<T> {
    for (;;) {
      try {
        return await (connecting ??= connected()).then(question)
      } catch (error) {
        drop()
        if (done.aborted) throw error
        await sleep(RETRY_MS)
      }
    }
  }

  return {
    async ask(question) {
      const done = new AbortController()
      const answer = attempts(question, done.signal)
      answer.catch(() => {})
      const late = sleep(withinMs, undefined, { signal: done.signal }).then(() => {
        drop()
        throw new Error(`Kafka did not answer within ${withinMs} ms`)
      })
      late.catch(() => {})
      try {
        return await Promise.race([answer, late])
      } finally {
        done.abort()
      }
    },
    async [Symbol.asyncDispose]() {
      const admin = await connecting?.catch(() => undefined)
      await Promise.race([admin?.disconnect().catch(() => {}), sleep(500, undefined, { ref: false })])
    },
  }
}
