import { z } from 'zod'
import { Refusal } from '../../../../problem.ts'
import addApiKey from '../../sql/add-api-key.sql?raw'
import findProject from '../../sql/find-project.sql?raw'
import listApiKeys from '../../sql/list-api-keys.sql?raw'
import revokeApiKey from '../../sql/revoke-api-key.sql?raw'
import { makeKey } from '../api-keys.ts'
import { field } from '../body.ts'
import { inDatabase } from '../conflicts.ts'
import { endpoint, notFound, type Endpoint } from '../endpoint.ts'
import { scopedTo, tenantStatement } from '../scoped.ts'
import type { Services } from '../services.ts'

const LIST = tenantStatement('list-api-keys', listApiKeys)
const ADD = tenantStatement('add-api-key', addApiKey)
const FIND_PROJECT = tenantStatement('find-project', findProject)
const REVOKE = tenantStatement('revoke-api-key', revokeApiKey)

/** What machines send events with. A key's text is in one answer, once; nobody can have it again. */
export function keyEndpoints({ pool, log }: Services): Endpoint[] {
  return [
    endpoint({
      method: 'GET', path: '/v1/api-keys', may: 'read', status: 200, answer: 'ApiKeys', summary: 'The API keys of the workspace, without their secrets',
      run: ({ member }) => scopedTo(pool, member.workspace).query(LIST),
    }),
    endpoint({
      method: 'POST', path: '/v1/api-keys', may: 'write', status: 201, answer: 'NewApiKey', summary: 'A new API key; `key` is never shown again',
      body: z.strictObject({ project: field.number, name: field.name }),
      also: { 404: 'There is no such project.', 409: 'There are 1,000.' },
      async run({ body: { project, name }, member: { workspace, user }, address }) {
        // Left to the foreign key alone, every try at somebody else's project would be an error in the database's log.
        if ((await scopedTo(pool, workspace).query(FIND_PROJECT, [project])).length === 0) throw notFound()
        const { text, prefix, sha256 } = makeKey(workspace)
        const [made] = await inDatabase(scopedTo(pool, workspace).query<{ id: number }>(ADD, [project, name, prefix, sha256]))
        if (made === undefined) throw new Refusal(409, { error: 'a workspace has at most 1,000 API keys, revoked ones included' })
        log(`audit key-made workspace=${workspace} key=${made.id} project=${project} by=${user} from=${address}`)
        return { ...made, key: text }
      },
    }),
    endpoint({
      method: 'DELETE', path: '/v1/api-keys/:id', may: 'write', status: 204, summary: 'Revokes an API key: it ends within 5 s', also: { 404: 'There is none.' },
      async run({ id, member: { workspace, user }, address }) {
        const [gone] = await scopedTo(pool, workspace).query(REVOKE, [id])
        if (gone === undefined) throw notFound()
        log(`audit key-revoked workspace=${workspace} key=${id} by=${user} from=${address}`)
      },
    }),
  ]
}
