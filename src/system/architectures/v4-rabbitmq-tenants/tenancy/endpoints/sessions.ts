import { z } from 'zod'
import { Refusal } from '../../../../problem.ts'
import { createAllowances } from '../allowances.ts'
import { field } from '../body.ts'
import { endpoint, type Endpoint } from '../endpoint.ts'
import { networkOf } from '../failed-logins.ts'
import type { OwnWorkspace } from '../identity.ts'
import { PASSWORD_CHARACTERS } from '../passwords.ts'
import { signToken, TOKEN_LASTS_S } from '../tokens.ts'
import type { Services } from '../services.ts'

const { min, max } = PASSWORD_CHARACTERS
/** Of one address. */
const SIGN_UPS = { burst: 30, perSecond: 30 / 3_600, most: 10_000 }
/** Setup makes these, and the lab has its callers in them. */
export const RESERVED_SLUG = /^workspace-\d+$/

export const newSlug = field.slug.refine((it) => !RESERVED_SLUG.test(it), 'workspace-<n> is reserved')

/** Signing up, logging in, and going over to another workspace of one's own. */
export function sessionEndpoints({ access, identity, passwords, failedLogins, log }: Services): Endpoint[] {
  const signUps = createAllowances(SIGN_UPS)

  async function session(user: number, { id, slug, name, role }: OwnWorkspace, lastsS = TOKEN_LASTS_S): Promise<unknown> {
    const token = await signToken(access.signingKeys, { audience: 'workspace', user, workspace: id, role }, lastsS)
    return { token, expiresInS: lastsS, workspace: { id, slug, name }, role }
  }

  return [
    endpoint({
      method: 'POST', path: '/v1/users', may: undefined, status: 201, answer: 'SignedUp',
      summary: 'Sign up: an account and a workspace of its own',
      body: z.strictObject({ email: field.email, password: z.string().min(min).max(max), workspace: newSlug, name: field.name.optional() }),
      also: { 409: 'The e-mail or the slug is taken; which, is not said.', 429: 'Too many accounts from this address.' },
      async run({ body: { email, password, workspace: slug, name = slug }, address }) {
        if (password.toLowerCase() === email) throw new Refusal(400, { error: 'password: not the e-mail', field: 'password' })
        const waitMs = signUps(networkOf(address), performance.now())
        if (waitMs > 0) throw new Refusal(429, { error: 'too many accounts from this address', retryAfterS: Math.ceil(waitMs / 1_000) })
        const made = await identity.signUp({ email, passwordHash: await passwords.hash(password), slug, name })
        if (made === 'taken') throw new Refusal(409, { error: 'this e-mail or this slug is taken' })
        log(`audit sign-up user=${made.user} workspace=${made.workspace} from=${address}`)
        return { user: made.user, workspace: { id: made.workspace, slug, name, role: 'owner' } }
      },
    }),
    endpoint({
      method: 'POST', path: '/v1/login', may: undefined, status: 200, answer: 'Session',
      summary: 'Log in to one workspace; who has only one may leave it out',
      body: z.strictObject({ email: field.email, password: z.string().min(1).max(max), workspace: field.slug.optional() }),
      also: { 401: 'E-mail or password is wrong; which, is not said.', 403: 'No member of this workspace, or there is none.', 429: 'Too many failed logins.' },
      async run({ body: { email, password, workspace }, address }) {
        await failedLogins.begin(email, address)
        const found = await identity.findLogin(email)
        if (!(await passwords.verify(password, found?.passwordHash)) || found === undefined) {
          log(`audit login-refused user=${found?.user ?? 'none'} from=${address}`)
          throw new Refusal(401, { error: 'e-mail or password is wrong' })
        }
        await failedLogins.forget(email, address)
        const chosen = choose(await identity.workspacesOf(found.user), workspace)
        log(`audit login user=${found.user} workspace=${chosen.id} from=${address}`)
        return await session(found.user, chosen)
      },
    }),
    endpoint({
      method: 'POST', path: '/v1/token', may: 'read', status: 200, answer: 'Session',
      summary: 'A token for another workspace of yours; it ends when this one does',
      body: z.strictObject({ workspace: field.slug }),
      async run({ body: { workspace }, member: { user, expiresAtMs }, address }) {
        const chosen = choose(await identity.workspacesOf(user), workspace)
        log(`audit token user=${user} workspace=${chosen.id} from=${address}`)
        // A stolen token must not renew itself for ever.
        return await session(user, chosen, Math.max(1, Math.floor((expiresAtMs - Date.now()) / 1_000)))
      },
    }),
  ]
}

/** Whether the workspace is somebody else's or nobody's makes no difference. */
function choose(own: readonly OwnWorkspace[], slug: string | undefined): OwnWorkspace {
  if (slug === undefined && own.length > 1) {
    throw new Refusal(400, { error: `workspace is missing: one of ${own.map((it) => it.slug).join(', ')}`, field: 'workspace' })
  }
  const chosen = slug === undefined ? own[0] : own.find((it) => it.slug === slug)
  if (chosen === undefined) throw new Refusal(403, { error: slug === undefined ? 'you are a member of no workspace' : 'you are no member of this workspace', field: 'workspace' })
  return chosen
}
