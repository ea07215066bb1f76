import { z } from 'zod'
import { Refusal } from '../../../../problem.ts'
import addProject from '../../sql/add-project.sql?raw'
import listProjects from '../../sql/list-projects.sql?raw'
import removeProject from '../../sql/remove-project.sql?raw'
import { field } from '../body.ts'
import { inDatabase } from '../conflicts.ts'
import { endpoint, notFound, type Endpoint } from '../endpoint.ts'
import { scopedTo, tenantStatement } from '../scoped.ts'
import type { Services } from '../services.ts'

const LIST = tenantStatement('list-projects', listProjects)
const ADD = tenantStatement('add-project', addProject)
const REMOVE = tenantStatement('remove-project', removeProject)

/** What a workspace parts its events by. The events of a removed project stay; its API keys do not. */
export function projectEndpoints({ pool, log }: Services): Endpoint[] {
  return [
    endpoint({
      method: 'GET', path: '/v1/projects', may: 'read', status: 200, answer: 'Projects', summary: 'The projects of the workspace',
      run: ({ member }) => scopedTo(pool, member.workspace).query(LIST),
    }),
    endpoint({
      method: 'POST', path: '/v1/projects', may: 'write', status: 201, answer: 'Project', summary: 'A new project',
      body: z.strictObject({ name: field.name }), also: { 409: 'There is one of this name, or there are 1,000.' },
      async run({ body: { name }, member: { workspace, user }, address }) {
        const [made] = await inDatabase(scopedTo(pool, workspace).query<{ id: number; name: string }>(ADD, [name]), { taken: 'there is a project of this name', field: 'name' })
        if (made === undefined) throw new Refusal(409, { error: 'a workspace has at most 1,000 projects' })
        log(`audit project-made workspace=${workspace} project=${made.id} by=${user} from=${address}`)
        return made
      },
    }),
    endpoint({
      method: 'DELETE', path: '/v1/projects/:id', may: 'write', status: 204, summary: 'Removes a project and its API keys',
      also: { 404: 'There is none.' },
      async run({ id, member: { workspace, user }, address }) {
        const [gone] = await scopedTo(pool, workspace).query(REMOVE, [id])
        if (gone === undefined) throw notFound()
        log(`audit project-removed workspace=${workspace} project=${id} by=${user} from=${address}`)
      },
    }),
  ]
}
