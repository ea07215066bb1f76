import { randomUUID } from 'node:crypto'
import type { Trespass, Trespasser } from '../../../architecture.ts'
import { ask, type Answer } from './ask.ts'
import { attemptsOf, type Attempt } from './attempts.ts'
import { signUp, type Tenant } from './tenant.ts'

/** Neither is anything that the lab's own orders cost. */
const SELLS = { intruder: { product: 'sandwich', amountCents: 1 }, victim: { product: 'cookie', amountCents: 2 } }

/**
 * Two customers of its own, who send orders of the same ids under the same idempotency keys; and one of them tries what it can to see or to
 * change what is the other's, or anybody's. What it is refused is well; what it is not has leaked.
 */
export async function createTrespasser(_context: unknown, apiUrl: string): Promise<Trespasser> {
  const intruder = await signUp(apiUrl, SELLS.intruder)
  const victim = await signUp(apiUrl, SELLS.victim)
  let accepted = 0
  return {
    accepted: () => accepted,
    owners: [intruder, victim].map(({ workspace }) => String(workspace)),
    async round() {
      const id = randomUUID()
      const idempotencyKey = `borders-${id}`
      for (const tenant of [victim, intruder]) if (await order(apiUrl, tenant, id, idempotencyKey)) accepted += 1
      const attempts = attemptsOf(apiUrl, intruder, victim, { intruder: await intruder.token(), victim: await victim.token() })
      const tried = await Promise.all(attempts.map(outcome))
      return tried.filter((it) => it !== undefined)
    },
    async [Symbol.asyncDispose]() {},
  }
}

async function order(apiUrl: string, tenant: Tenant, id: string, idempotencyKey: string): Promise<boolean> {
  tenant.sent += 1
  const answer = await ask(`${apiUrl}/v1/ingest`, {
    headers: { 'x-api-key': tenant.key.text, 'idempotency-key': idempotencyKey },
    body: { id, type: 'order_placed', store: 'store-01', product: tenant.product, amount: tenant.amountCents / 100, timestamp: new Date().toISOString() },
  })
  return answer?.status === 202
}

/** `undefined`: it was not answered, or by who could not tell (the system is being broken on purpose), so it shows nothing. */
async function outcome({ tried, ask: asked, leak }: Attempt): Promise<Trespass | undefined> {
  const answer: Answer | undefined = await asked()
  if (answer === undefined || answer.status >= 500 || answer.status === 429) return undefined
  return { tried, leaked: leak(answer) }
}
