import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ConfirmChannel } from 'amqplib'
import type pg from 'pg'
import type { Context } from '../../../context.ts'
import { counterBy } from '../../../metrics.ts'
import { publishConfirmed } from '../../../rabbitmq/confirm.ts'
import { reasonOf } from '../../../reason.ts'
import type { Unreadable } from '../ingest/message.ts'
import { letterId, toLetterMessage, type Letter } from '../letter.ts'
import { DEAD_QUEUE } from '../names.ts'
import insertDeadLetter from '../sql/insert-dead-letter.sql?raw'
import readDeadLetter from '../sql/read-dead-letter.sql?raw'
import type { Dead, Fault } from './store.ts'

const RETRY_MS = 250

/** Puts aside what can never be stored. */
export interface Burial {
  /** Resolves once all of them are in the queue of the dead. Rejects when RabbitMQ does not take them, or `ended` is aborted. */
  bury(channel: ConfirmChannel, letters: readonly Letter[], ended: AbortSignal): Promise<void>
}

/**
 * First the queue, then a row that says so: an event that is delivered again finds the row and is put there once. Killed between the two it is
 * there twice under one id, and those who look see it once.
 */
export function createBurial(pool: pg.Pool, context: Context): Burial {
  const dead = new Map<string, number>((['changed', 'refused', 'unreadable'] satisfies Fault[]).map((fault) => [fault, 0]))
  counterBy('lab_events_dead_total', 'Events that can never be stored and were put aside, by reason.', 'reason', () => dead)

  async function query(name: string, text: string, values: unknown[], ended: AbortSignal): Promise<number> {
    for (let attempt = 1; ; attempt++) {
      try {
        return (await pool.query({ name, text, values })).rows.length
      } catch (error) {
        if (attempt === 1) context.log(`postgres does not note a dead letter: ${reasonOf(error)}; waiting for it, acknowledging nothing`)
        await sleep(RETRY_MS, undefined, { signal: ended })
      }
    }
  }

  return {
    async bury(channel, letters, ended) {
      for (const letter of letters) {
        const id = letterId(letter)
        if ((await query('read-dead-letter', readDeadLetter, [letter.workspace, id], ended)) > 0) continue
        const { content, options } = toLetterMessage(letter, id, Date.now())
        await publishConfirmed(channel, DEAD_QUEUE, content, options)
        context.failpoint('after-dead-letter')
        await query('insert-dead-letter', insertDeadLetter, [letter.workspace, id, letter.fault], ended)
        dead.set(letter.fault, (dead.get(letter.fault) ?? 0) + 1)
        context.log(`put aside ${id}: ${letter.reason}`)
      }
    },
  }
}

export function letterOfDead({ event, fault, reason, attempts }: Dead): Letter {
  const { workspace, project, key, record, id } = event
  return { workspace, subject: id, fault, reason, attempts, headers: { w: workspace, p: project, ...(key !== undefined && { k: key }) }, content: record }
}

/** Tried once: whoever looks at the same bytes again sees the same. */
export function letterOfUnreadable({ workspace, headers, content, reason }: Unreadable): Letter {
  const subject = createHash('sha256').update(content).digest('hex').slice(0, 16)
  return { workspace, subject, fault: 'unreadable' satisfies Fault, reason, attempts: 1, headers, content }
}
