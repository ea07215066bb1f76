import { z } from 'zod'
import { Refusal } from '../../../../problem.ts'
import addMember from '../../sql/add-member.sql?raw'
import changeRole from '../../sql/change-role.sql?raw'
import listMembers from '../../sql/list-members.sql?raw'
import removeMember from '../../sql/remove-member.sql?raw'
import { memberWho } from '../access.ts'
import { field } from '../body.ts'
import { inDatabase } from '../conflicts.ts'
import { endpoint, notFound, type Endpoint } from '../endpoint.ts'
import { ROLES } from '../roles.ts'
import { scopedTo, tenantStatement } from '../scoped.ts'
import type { Services } from '../services.ts'

const LIST = tenantStatement('list-members', listMembers)
const ADD = tenantStatement('add-member', addMember)
const CHANGE = tenantStatement('change-role', changeRole)
const REMOVE = tenantStatement('remove-member', removeMember)
const role = z.enum(ROLES)
const LAST_OWNER = { 404: 'There is none.', 409: 'A workspace keeps an owner.' }

/**
 * Who may do what in the workspace: its owners say. Somebody is added by number and e-mail together, both of which it was told when it signed up:
 * so nobody is asked for by an e-mail that a stranger may have signed up with, and an e-mail alone tells nobody whether there is an account.
 */
export function memberEndpoints({ pool, identity, log }: Services): Endpoint[] {
  return [
    endpoint({
      method: 'GET', path: '/v1/members', may: 'own', status: 200, answer: 'Members', summary: 'The members of the workspace',
      run: ({ member }) => scopedTo(pool, member.workspace).query(LIST),
    }),
    endpoint({
      method: 'POST', path: '/v1/members', may: 'own', status: 201, answer: 'Member', summary: 'Makes a user a member',
      body: z.strictObject({ user: field.number, email: field.email, role }),
      also: { 404: 'There is no such user with this e-mail.', 409: 'It is a member already, or there are 1,000.' },
      async run({ body, member: { workspace, user: by }, address }) {
        if (!(await identity.isUser(body.user, body.email))) throw new Refusal(404, { error: 'there is no such user with this e-mail', field: 'user' })
        const [made] = await inDatabase(scopedTo(pool, workspace).query(ADD, [body.user, body.role]), { taken: 'is a member already', field: 'user' })
        if (made === undefined) throw new Refusal(409, { error: 'a workspace has at most 1,000 members' })
        log(`audit member-added workspace=${workspace} user=${body.user} role=${body.role} by=${by} from=${address}`)
        return { user: body.user, email: body.email, role: body.role }
      },
    }),
    endpoint({
      method: 'PATCH', path: '/v1/members/:id', may: 'own', status: 200, answer: 'MemberRole', summary: 'Gives a member another role',
      body: z.strictObject({ role }), also: LAST_OWNER,
      async run({ id, body, member: { workspace, user: by }, address }) {
        const [changed] = await inDatabase(scopedTo(pool, workspace).query(CHANGE, [id, body.role]))
        if (changed === undefined) throw notFound()
        log(`audit role-changed workspace=${workspace} user=${id} role=${body.role} by=${by} from=${address}`)
        return changed
      },
    }),
    endpoint({
      method: 'DELETE', path: '/v1/members/:id', may: 'read', status: 204, summary: 'Removes a member (owners), or oneself (anybody)', also: LAST_OWNER,
      async run({ id, member, address }) {
        const { workspace, user: by } = id === member.user ? member : memberWho(member, 'own')
        const [gone] = await inDatabase(scopedTo(pool, workspace).query(REMOVE, [id]))
        if (gone === undefined) throw notFound()
        log(`audit member-removed workspace=${workspace} user=${id} by=${by} from=${address}`)
      },
    }),
  ]
}
