import { Unavailable, Unknown } from '../../../architecture.ts'
import { createBreaker, type Breaker, type Outcome } from '../../../breaker.ts'
import type { Context } from '../../../context.ts'
import type { Order } from '../../../event.ts'
import { gauge } from '../../../metrics.ts'
import { createBuffer } from './buffer.ts'
import { createHotCounters } from '../counters/counters.ts'
import { createGroupCommit, PoolExhausted } from './group-commit.ts'
import { createInsert } from './insert.ts'
import type { V1Knobs } from '../knobs.ts'

const BREAKER = { failures: 5, openMs: 30_000 }

/** Takes orders as `write` says: resolved means committed (201), or in the buffer (202). */
export interface Writer extends AsyncDisposable {
  accepted: 201 | 202
  /** All or nothing. Throws {@link Unavailable}, {@link Unknown}, or a refusal of what cannot be stored. */
  publish(orders: Order[]): Promise<void>
  ready(): { ok: true } | { ok: false; reason: string }
}

export function createWriter(context: Context<V1Knobs>): Writer {
  return context.knobs.write === 'buffer' ? { accepted: 202, ...createBuffer(context) } : createDirectWriter(context)
}

function createDirectWriter(context: Context<V1Knobs>): Writer {
  const { knobs } = context
  const insert = createInsert(knobs)
  const counters = knobs.counters === 'cron' ? undefined : createHotCounters(context)
  const commits = createGroupCommit(context, knobs, async (client, orders) => {
    const inserted = await insert(client, orders)
    counters?.stored(inserted)
  })
  const direct: Writer = {
    accepted: 201,
    publish: commits.publish,
    ready: commits.ready,
    async [Symbol.asyncDispose]() {
      await commits[Symbol.asyncDispose]()
      await counters?.[Symbol.asyncDispose]()
    },
  }
  return knobs.breaker === 'on' ? withBreaker(direct, createBreaker(BREAKER)) : direct
}

/** While PostgreSQL fails, orders are refused without a try: it is spared them, and clients are told how long. */
function withBreaker(writer: Writer, breaker: Breaker): Writer {
  gauge('lab_breaker_open', '1 while orders are refused as PostgreSQL failed 5 times in a row; 0.5 while one at a time may try.', () => {
    return { closed: 0, 'half-open': 0.5, open: 1 }[breaker.state(performance.now())]
  })
  return {
    ...writer,
    async publish(orders) {
      const admission = breaker.admit(performance.now())
      if (admission.kind === 'refused') {
        const afterS = Math.ceil(admission.retryAfterMs / 1_000)
        throw new Unavailable(`the circuit breaker is open, PostgreSQL failed ${BREAKER.failures} times in a row: nothing was written`, afterS)
      }
      let outcome: Outcome = 'neutral'
      try {
        await writer.publish(orders)
        outcome = 'success'
      } catch (error) {
        outcome = outcomeFor(error)
        throw error
      } finally {
        breaker.settle(admission, outcome, performance.now())
      }
    },
    ready() {
      const openForMs = breaker.openForMs(performance.now())
      return openForMs > 0 ? { ok: false, reason: `the circuit breaker is open for another ${Math.ceil(openForMs / 1_000)} s` } : writer.ready()
    },
  }
}

/** A full pool says that there is too much to do, and a refusal of an order that PostgreSQL is well. */
function outcomeFor(error: unknown): Outcome {
  if (error instanceof PoolExhausted) return 'neutral'
  return error instanceof Unavailable || error instanceof Unknown ? 'failure' : 'success'
}
