import * as fc from 'fast-check'
import { PROJECT_NAMES } from './cases.ts'
import { createLedger, type Ledger } from './model.ts'

export type Role = 'owner' | 'member' | 'viewer'

/** What random tenants are to be like. */
export interface TenantCase {
  projects: string[]
  /** Keys of each project. */
  keys: number
  /** Who of the others are let in, by position. */
  guests: { who: number; role: Exclude<Role, 'owner'> }[]
}

/** Projects have the same names everywhere, in any order; owners of some are guests of others. */
export const tenantCases: fc.Arbitrary<TenantCase[]> = fc.array(
  fc.record({
    projects: fc.shuffledSubarray(PROJECT_NAMES, { minLength: 2 }),
    keys: fc.integer({ min: 1, max: 2 }),
    guests: fc.uniqueArray(fc.record({ who: fc.nat(99), role: fc.constantFrom('member' as const, 'viewer' as const) }), { maxLength: 3, selector: (it) => it.who }),
  }),
  { minLength: 9, maxLength: 12, size: 'max' },
)

/** A workspace as it was made over HTTP, and what it must hold. */
export interface Tenant {
  workspace: number
  slug: string
  projects: { id: number; name: string }[]
  keys: { id: number; project: number; name: string; prefix: string; text: string }[]
  members: { user: number; email: string; role: Role }[]
  /** Of each member, for this workspace. */
  tokens: { user: number; role: Role; token: string }[]
  ledger: Ledger
}

export interface Answer {
  status: number
  body: unknown
}

/** Asks the API; throws when it does not answer. */
export async function ask(url: string, method: string, headers: Record<string, string> = {}, body?: string): Promise<Answer> {
  const response = await fetch(url, { method, headers, ...(body !== undefined && { body }), signal: AbortSignal.timeout(20_000) })
  const text = await response.text()
  return { status: response.status, body: text === '' ? undefined : (JSON.parse(text) as unknown) }
}

export const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` })

async function done<T>(url: string, path: string, body: unknown, token?: string): Promise<T> {
  const headers = { 'content-type': 'application/json', ...(token !== undefined && bearer(token)) }
  const answer = await ask(`${url}${path}`, 'POST', headers, JSON.stringify(body))
  if (answer.status >= 300) throw new Error(`POST ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
  return answer.body as T
}

interface Person {
  user: number
  email: string
  token: string
}

/** Everything over HTTP, as customers do it. All workspaces have the same name, and their slugs differ in one character. */
export async function makeTenants(url: string, cases: readonly TenantCase[]): Promise<Tenant[]> {
  const password = 'the same for everybody'
  const made = await Promise.all(cases.map(async (_, i) => {
    const email = `owner-${i}@example.org`
    const slug = `coffee-${String.fromCharCode(97 + i)}`
    const { user, workspace } = await done<{ user: number; workspace: { id: number } }>(url, '/v1/users', { email, password, workspace: slug, name: 'Coffee' })
    const { token } = await done<{ token: string }>(url, '/v1/login', { email, password, workspace: slug })
    const owner: Person = { user, email, token }
    return { owner, slug, workspace: workspace.id }
  }))
  return await Promise.all(made.map(async ({ owner, slug, workspace }, i): Promise<Tenant> => {
    const { projects: names, keys: perProject, guests } = cases[i]!
    const tenant: Tenant = {
      workspace, slug, projects: [], keys: [], ledger: createLedger(),
      members: [{ user: owner.user, email: owner.email, role: 'owner' }], tokens: [{ user: owner.user, role: 'owner', token: owner.token }],
    }
    for (const name of names) {
      const project = await done<{ id: number; name: string }>(url, '/v1/projects', { name }, owner.token)
      tenant.projects.push(project)
      for (let n = 0; n < perProject; n++) {
        const { id, prefix, key } = await done<{ id: number; prefix: string; key: string }>(url, '/v1/api-keys', { project: project.id, name: 'till' }, owner.token)
        tenant.keys.push({ id, project: project.id, name: 'till', prefix, text: key })
      }
    }
    for (const { who, role } of guests) {
      const guest = made[who % made.length]!.owner
      if (tenant.members.some((it) => it.user === guest.user)) continue
      await done(url, '/v1/members', { user: guest.user, email: guest.email, role }, owner.token)
      const { token } = await done<{ token: string }>(url, '/v1/token', { workspace: slug }, guest.token)
      tenant.members.push({ user: guest.user, email: guest.email, role })
      tenant.tokens.push({ user: guest.user, role, token })
    }
    return tenant
  }))
}
