import { randomUUID } from 'node:crypto'
import { ask, firstFrame, type Answer, type Question } from './ask.ts'
import { forgeries, kidOf } from './forgeries.ts'
import type { Tenant } from './tenant.ts'

export interface Attempt {
  /** In the words of a report. */
  tried: string
  ask(): Promise<Answer | undefined>
  /** What of the answer must not be; `undefined`: it is as it must be. */
  leak(answer: Answer): string | undefined
}

/** One round: what is refused whatever it says, and what is answered with nothing but one's own. */
export function attemptsOf(apiUrl: string, intruder: Tenant, victim: Tenant, tokens: { intruder: string; victim: string }): Attempt[] {
  const socketUrl = `${apiUrl.replace(/^http/, 'ws')}/ws/dashboard`
  const own = bearer(tokens.intruder)
  const refused = (tried: string, path: string, question: Question = {}): Attempt => ({ tried, ask: () => ask(`${apiUrl}${path}`, { headers: own, ...question }), leak: answered })
  const shown = (tried: string, path: string, leak: Attempt['leak']): Attempt => ({ tried, ask: () => ask(`${apiUrl}${path}`, { headers: own }), leak: ifShown(leak) })
  const foreignKey = intruder.key.text.replace(/^lk_\d+_/, `lk_${victim.workspace}_`)
  const forged = forgeries(tokens.intruder, { workspace: victim.workspace, kid: kidOf(tokens.intruder) })
  const asOther = `by=product&workspace=${victim.workspace}&workspace_id=${victim.workspace}&ws=${victim.workspace}`
  return [
    ...forged.map(({ what, token }) => refused(`the dashboard by a token ${what}`, '/api/dashboard', { headers: bearer(token) })),
    ...forged.map(({ what, token }): Attempt => ({ tried: `a socket by a token ${what}`, ask: () => firstFrame(socketUrl, bearer(token)), leak: answered })),
    { tried: 'a socket without a token', ask: () => firstFrame(socketUrl, {}), leak: answered },
    refused('the dashboard by an API key', '/api/dashboard', { headers: { 'x-api-key': intruder.key.text } }),
    refused('the members by an API key', '/v1/members', { headers: { 'x-api-key': intruder.key.text } }),
    refused('an order by a token', '/v1/ingest', { body: orderOf(intruder) }),
    refused('an order by its own API key with the workspace of another in it', '/v1/ingest', { headers: { 'x-api-key': foreignKey }, body: orderOf(intruder) }),
    refused('an order by an API key of which only the prefix is known', '/v1/ingest', { headers: { 'x-api-key': `lk_${victim.workspace}_${victim.key.prefix}_${'A'.repeat(43)}` }, body: orderOf(intruder) }),
    refused('a token for the workspace of another', '/v1/token', { body: { workspace: victim.slug } }),
    refused('an API key for the project of another', '/v1/api-keys', { body: { project: victim.project, name: 'borders' } }),
    refused('removing the project of another', `/v1/projects/${victim.project}`, { method: 'DELETE' }),
    refused('revoking the API key of another', `/v1/api-keys/${victim.key.id}`, { method: 'DELETE' }),
    refused('giving a member of another workspace a role', `/v1/members/${victim.user}`, { method: 'PATCH', body: { role: 'viewer' } }),
    refused('removing a member of another workspace', `/v1/members/${victim.user}`, { method: 'DELETE' }),
    ...['/v1/workspaces', '/v1/projects', '/v1/members', '/v1/api-keys'].map((path) => shown(`${path} by its own token`, path, naming(victim))),
    shown('the dashboard by its own token', '/api/dashboard', onlySells(intruder)),
    { tried: 'a socket by its own token', ask: () => firstFrame(socketUrl, own), leak: ifShown(onlySells(intruder)) },
    ...['/analytics', '/api/analytics'].flatMap((path) => [
      afterTheVictim(`${path} with the very question that another has just asked`, `${apiUrl}${path}?by=product`, own, bearer(tokens.victim), onlyRowsOf(intruder)),
      shown(`${path} with the workspace of another among the parameters`, `${path}?${asOther}`, onlyRowsOf(intruder)),
    ]),
    { tried: 'metrics, open to all', ask: () => ask(`${apiUrl}/metrics?only=lab`), leak: ifShown(naming(victim)) },
    // The same ids and idempotency keys were sent by both: that must not have changed what the victim has.
    { tried: "changing another's orders by their ids and idempotency keys", ask: () => ask(`${apiUrl}/api/dashboard`, { headers: bearer(tokens.victim) }), leak: ifShown(onlySells(victim)) },
  ]
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

/** Sent without right: whoever stores it has leaked. */
function orderOf({ product, amountCents }: Tenant): Record<string, unknown> {
  return { id: randomUUID(), type: 'order_placed', store: 'store-01', product, amount: amountCents / 100, timestamp: new Date().toISOString() }
}

function answered({ status }: Answer): string | undefined {
  return status >= 200 && status < 300 ? `it was answered with ${status}` : undefined
}

/** What was not shown shows nothing that is another's. */
function ifShown(leak: Attempt['leak']): Attempt['leak'] {
  return (answer) => (answer.status === 200 ? leak(answer) : undefined)
}

function naming({ slug, email, key }: Tenant): Attempt['leak'] {
  return ({ text }) => (text.includes(slug) || text.includes(email) || text.includes(key.prefix) ? 'it names what is of another workspace' : undefined)
}

interface Sales {
  count: number
  revenueCents: number
  byProduct: Record<string, { count: number }>
}

/** Of a dashboard: only what this tenant alone sells, at its price, and no more of it than it has sent. */
function onlySells({ product, amountCents, sent }: Tenant): Attempt['leak'] {
  return ({ text }) => {
    const { count, revenueCents, byProduct } = JSON.parse(text) as Sales
    const foreign = Object.entries(byProduct).filter(([name, tally]) => name !== product && tally.count > 0)
    if (foreign.length > 0) return `it has ${foreign.map(([name, tally]) => `${tally.count} of ${name}`).slice(0, 3).join(', ')} in it, which are of another workspace`
    return count > sent || revenueCents !== count * amountCents ? `it has ${count} orders of ${revenueCents} cents, where ${sent} of ${amountCents} cents each were sent` : undefined
  }
}

/** The same of the rows of analytics by product. */
function onlyRowsOf(tenant: Tenant): Attempt['leak'] {
  return ({ status, text }) => {
    const rows = JSON.parse(text) as { key: string; count: number; revenueCents: number }[]
    const sum = (of: (row: (typeof rows)[number]) => number) => rows.reduce((total, row) => total + of(row), 0)
    const dashboard = { count: sum((row) => row.count), revenueCents: sum((row) => row.revenueCents), byProduct: Object.fromEntries(rows.map((row) => [row.key, row])) }
    return onlySells(tenant)({ status, text: JSON.stringify(dashboard) })
  }
}

/** The victim asks first, so that an answer may be kept; then the intruder, word for word. */
function afterTheVictim(tried: string, url: string, own: Record<string, string>, others: Record<string, string>, leak: Attempt['leak']): Attempt {
  return {
    tried,
    async ask() {
      await ask(url, { headers: others })
      return await ask(url, { headers: own })
    },
    leak: ifShown(leak),
  }
}
