import { z } from 'zod'
import { Refusal } from '../../../../problem.ts'
import { field } from '../body.ts'
import { endpoint, type Endpoint } from '../endpoint.ts'
import type { Services } from '../services.ts'
import { newSlug } from './sessions.ts'

/** The workspaces of who asks. A new one belongs to who made it, whatever its role is elsewhere. */
export function workspaceEndpoints({ identity, log }: Services): Endpoint[] {
  return [
    endpoint({
      method: 'GET', path: '/v1/workspaces', may: 'read', status: 200, answer: 'Workspaces', summary: 'The workspaces that you are a member of',
      run: ({ member }) => identity.workspacesOf(member.user),
    }),
    endpoint({
      method: 'POST', path: '/v1/workspaces', may: 'read', status: 201, answer: 'Workspace', summary: 'A new workspace, with you as its owner',
      body: z.strictObject({ slug: newSlug, name: field.name.optional() }),
      also: { 409: 'The slug is taken, or you own 20 workspaces.' },
      async run({ body: { slug, name = slug }, member: { user }, address }) {
        const id = await identity.createWorkspace(user, slug, name)
        if (typeof id === 'string') throw new Refusal(409, { error: id === 'taken' ? 'this slug is taken' : 'you own as many workspaces as one may', field: 'slug' })
        log(`audit workspace-made workspace=${id} by=${user} from=${address}`)
        return { id, slug, name, role: 'owner' }
      },
    }),
  ]
}
