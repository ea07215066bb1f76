import type { Redis } from 'ioredis'
import type { Context } from '../../../context.ts'
import { connectPostgres } from '../../../postgres/connect.ts'
import type { V1Knobs } from '../knobs.ts'
import { channelOf } from '../../../redis.ts'
import { CHANGES, notifiedOn } from '../names.ts'
import notify from '../sql/notify.sql?raw'

/** At most ten times a second, as often as a socket may push. */
const TELL_MS = 100
const ANSWERS_WITHIN_MS = 5_000

/** Tells every API replica, by the knob `push`, that there is a new dashboard. */
export interface Teller extends AsyncDisposable {
  /** What is told is the version at the moment of telling. */
  changed(): void
}

/** `version`: of the dashboard as it is then. Whoever does not hear of it, as Redis or PostgreSQL is away, looks when they are back. */
export function createTeller(context: Context<V1Knobs>, redis: Redis, version: () => Promise<number>): Teller {
  const { push } = context.knobs
  const pool = push === 'listen' ? connectPostgres(context, 'teller', 1, ANSWERS_WITHIN_MS) : undefined
  let timer: NodeJS.Timeout | undefined
  let telling: Promise<void> | undefined
  let untold = false
  let toldMs = -Infinity

  function schedule(): void {
    if (untold && telling === undefined) timer ??= setTimeout(() => void tell(), Math.max(0, toldMs + TELL_MS - performance.now()))
  }

  async function tell(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    toldMs = performance.now()
    untold = false
    telling = announce().catch(() => {}).finally(() => {
      telling = undefined
      schedule()
    })
    await telling
  }

  async function announce(): Promise<void> {
    const text = String(await version())
    if (pool !== undefined) await pool.query({ name: 'notify', text: notify, values: [notifiedOn(context), text] })
    else if (redis.status === 'ready') await redis.publish(channelOf(redis, CHANGES), text)
  }

  return {
    changed() {
      if (push === 'poll') return
      untold = true
      schedule()
    },
    async [Symbol.asyncDispose]() {
      await telling
      if (untold) await tell()
      clearTimeout(timer)
      await pool?.end()
    },
  }
}
