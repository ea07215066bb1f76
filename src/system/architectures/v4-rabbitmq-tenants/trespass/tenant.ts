import { randomBytes } from 'node:crypto'
import { ask, type Answer } from './ask.ts'

/** A customer like any other, who signed up over HTTP, with an account, a project and a key of its own. */
export interface Tenant {
  workspace: number
  user: number
  email: string
  slug: string
  project: number
  key: { id: number; text: string; prefix: string }
  /** What alone it sells, and for how much: so it is seen in any dashboard whose orders are in it. */
  product: string
  amountCents: number
  /** Orders that it has sent, whatever became of them. */
  sent: number
  token(): Promise<string>
}

/** Tokens last 15 minutes. */
const TOKEN_USED_MS = 5 * 60_000

export async function signUp(apiUrl: string, sells: { product: string; amountCents: number }): Promise<Tenant> {
  const name = `guest-${randomBytes(8).toString('hex')}`
  const account = { email: `${name}@example.com`, password: randomBytes(24).toString('base64url') }
  const made = await told(ask(`${apiUrl}/v1/users`, { body: { ...account, workspace: name } }), 'signing up')
  const { user, workspace } = made as { user: number; workspace: { id: number } }
  let token = ''
  let tokenMs = -Infinity
  const session = async () => {
    if (performance.now() - tokenMs > TOKEN_USED_MS) {
      const { token: fresh } = (await told(ask(`${apiUrl}/v1/login`, { body: account }), 'logging in')) as { token: string }
      token = fresh
      tokenMs = performance.now()
    }
    return token
  }
  const headers = { authorization: `Bearer ${await session()}` }
  const project = (await told(ask(`${apiUrl}/v1/projects`, { headers, body: { name: 'borders' } }), 'making a project')) as { id: number }
  const key = (await told(ask(`${apiUrl}/v1/api-keys`, { headers, body: { project: project.id, name: 'borders' } }), 'making a key')) as { id: number; key: string; prefix: string }
  return {
    workspace: workspace.id, user, email: account.email, slug: name, project: project.id, key: { id: key.id, text: key.key, prefix: key.prefix },
    ...sells, sent: 0, token: session,
  }
}

async function told(asked: Promise<Answer | undefined>, what: string): Promise<unknown> {
  const answer = await asked
  if (answer === undefined || answer.status >= 300) throw new Error(`${what} to try the borders: ${answer === undefined ? 'no answer' : `the API answered ${answer.status}`}`)
  return JSON.parse(answer.text)
}
