import { Unavailable } from '../../../architecture.ts'
import { boundedTurns } from './turns.ts'

/** How long an answer of the database may be used. */
export const TRUST = {
  /** Older, and it is asked again, while the old answer is still used. */
  freshMs: 2_000,
  /** Older, and the new answer is waited for: what was taken away is gone after this, and the time of one question. */
  firmMs: 4_000,
  /** Older than this it is not used even while the database is away. */
  graceMs: 60_000,
  /** While the database is away nobody waits for it, but for one in so long. */
  awayMs: 1_000,
}

export interface CheckedOptions<Asked, Answer> {
  /** Undefined: there is no such thing. Throws {@link Unavailable} when the database does not answer. */
  ask(asked: Asked): Promise<Answer | undefined>
  now(): number
  /** Answers of each kind that are kept: those that were something, and those that were nothing. A flood of the latter never displaces the former. */
  most: { something: number; nothing: number }
  /** Questions about what nothing is known of: fewer at once than there are connections, so that a flood of them keeps no other one waiting. */
  asking: { atOnce: number; waiting: number }
}

export interface Checked<Asked, Answer> {
  /** `beforeAsking` may refuse, by throwing, a question about what nothing is known of. */
  get(key: string, asked: Asked, beforeAsking?: () => void): Promise<Answer | undefined>
  /** Straight from the database. */
  now(key: string, asked: Asked): Promise<Answer | undefined>
  sizes(): { something: number; nothing: number; asking: number }
}

interface Something<Answer> {
  answer: Answer
  /** When the question was asked, not when it was answered: it may have changed in between. */
  askedMs: number
  refreshing: Promise<Answer | undefined> | undefined
}

/**
 * What the database said a moment ago. Same questions share an answer and what is under way. What was there goes on while the database is away,
 * for a bounded time; about what nothing is known of {@link Unavailable} is thrown then, never `undefined`.
 */
export function createChecked<Asked, Answer>({ ask, now, most, asking }: CheckedOptions<Asked, Answer>): Checked<Asked, Answer> {
  const something = new Map<string, Something<Answer>>()
  const nothing = new Map<string, number>()
  const underWay = new Map<string, Promise<Answer | undefined>>()
  const turns = boundedTurns({ ...asking, what: 'questions about what is not known' })
  let awayUntilMs = -Infinity

  async function askNow(key: string, asked: Asked): Promise<Answer | undefined> {
    const askedMs = now()
    try {
      const answer = await ask(asked)
      awayUntilMs = -Infinity
      // A question that was asked later may have been answered first.
      if (askedMs < Math.max(something.get(key)?.askedMs ?? -Infinity, nothing.get(key) ?? -Infinity)) return answer
      something.delete(key)
      nothing.delete(key)
      if (answer === undefined) keep(nothing, key, askedMs, most.nothing)
      else keep(something, key, { answer, askedMs, refreshing: undefined }, most.something)
      return answer
    } catch (error) {
      if (error instanceof Unavailable) awayUntilMs = now() + TRUST.awayMs
      throw error
    }
  }

  function refresh(key: string, asked: Asked, known: Something<Answer>): Promise<Answer | undefined> {
    known.refreshing ??= askNow(key, asked).finally(() => { known.refreshing = undefined })
    return known.refreshing
  }

  function failWhileAway(): void {
    if (now() < awayUntilMs) throw new Unavailable('PostgreSQL does not answer: whether this may be done is not known', 1)
  }

  function first(key: string, asked: Asked, beforeAsking?: () => void): Promise<Answer | undefined> {
    const same = underWay.get(key)
    if (same !== undefined) return same
    failWhileAway()
    beforeAsking?.()
    const answer = turns(async () => {
      // Those that waited in line do not each find it out for themselves.
      failWhileAway()
      return await askNow(key, asked)
    }).finally(() => underWay.delete(key))
    underWay.set(key, answer)
    return answer
  }

  return {
    async get(key, asked, beforeAsking) {
      const known = something.get(key)
      if (known === undefined) {
        const askedMs = nothing.get(key)
        return askedMs !== undefined && now() - askedMs <= TRUST.freshMs ? undefined : await first(key, asked, beforeAsking)
      }
      const ageMs = now() - known.askedMs
      if (ageMs <= TRUST.freshMs) return known.answer
      if (ageMs <= TRUST.firmMs || (now() < awayUntilMs && ageMs <= TRUST.graceMs)) {
        refresh(key, asked, known).catch(() => {})
        return known.answer
      }
      try {
        return await refresh(key, asked, known)
      } catch (error) {
        if (error instanceof Unavailable && now() - known.askedMs <= TRUST.graceMs) return known.answer
        throw error
      }
    },
    now: askNow,
    sizes: () => ({ something: something.size, nothing: nothing.size, asking: underWay.size }),
  }
}

/** The one that was asked about longest ago goes. */
function keep<V>(map: Map<string, V>, key: string, value: V, most: number): void {
  map.set(key, value)
  if (map.size > most) map.delete(map.keys().next().value!)
}
