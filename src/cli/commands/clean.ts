import { EXIT, LabError } from '../../run/errors.ts'
import { findEndpoint, surroundings } from '../../runtime/docker/endpoint.ts'
import type { Thing } from '../../runtime/docker/removal.ts'
import { clean, findLeftovers, type Leftover } from '../../runtime/leftovers.ts'

export async function cleanCommand(options: { dryRun?: boolean }): Promise<void> {
  const dryRun = options.dryRun === true
  const did = dryRun ? 'would remove' : 'removed'
  const leftovers = findLeftovers()
  const failed = dryRun ? [] : await clean(leftovers)
  const engine = await cleanEngines(dryRun, did)
  const lines = [...leftovers.map((one) => render(one, did)), ...engine.lines]
  process.stdout.write(lines.length === 0 ? 'nothing is left of dead runs\n' : lines.join(''))
  for (const note of engine.notes) process.stderr.write(note)
  const all = [...failed, ...engine.failed]
  if (all.length > 0) throw new LabError(EXIT.internal, all.join('\n'))
}

function render({ runId, processes, folders }: Leftover, did: string): string {
  return `${did} of run ${runId}: ${processes.length} processes${folders.map((folder) => `, ${folder}`).join('')}\n`
}

/** What is on the Docker engine that the environment names. One that does not answer is said, and nothing more. */
async function cleanEngines(dryRun: boolean, did: string): Promise<{ lines: string[]; notes: string[]; failed: string[] }> {
  const said = { lines: [] as string[], notes: [] as string[], failed: [] as string[] }
  const endpoint = findEndpoint(surroundings())
  if (endpoint === undefined) return said
  const [{ connectEngine }, { cleanEngine, findOnEngine }] = await Promise.all([import('../../runtime/docker/engine.ts'), import('../../runtime/docker/leftovers.ts')])
  try {
    const { docker } = await connectEngine(endpoint, new AbortController().signal)
    const { dead, foreign } = await findOnEngine(docker)
    for (const { runId, things } of dead) {
      if (!dryRun) said.failed.push(...(await cleanEngine(docker, runId)))
      said.lines.push(`${did} of run ${runId} on ${endpoint.url}: ${listed(things)}\n`)
    }
    for (const { runId, things, host } of foreign) said.notes.push(`left alone of run ${runId} on ${endpoint.url}: ${listed(things)}; only on ${host}, where its lab is or was, can be told whether it is dead\n`)
  } catch (error) {
    if (!(error instanceof LabError)) throw error
    said.notes.push(`not looked at: ${error.message}\n`)
  }
  return said
}

function listed(things: readonly Thing[]): string {
  return things.map(({ kind, name }) => `${kind} ${name}`).join(', ')
}
