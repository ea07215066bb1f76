import { EXIT, LabError } from '../../run/errors.ts'
import { findEndpoint, surroundings } from '../../runtime/docker/endpoint.ts'
import type { Thing } from '../../runtime/docker/removal.ts'
import { cleanExternal, type Leavings } from '../../runtime/external/leftovers.ts'
import { readExternals } from '../../runtime/external/read-urls.ts'
import { clean, findLeftovers, type Leftover } from '../../runtime/leftovers.ts'

export async function cleanCommand(options: { dryRun?: boolean }): Promise<void> {
  const dryRun = options.dryRun === true
  const did = dryRun ? 'would remove' : 'removed'
  const leftovers = findLeftovers()
  const failed = dryRun ? [] : await clean(leftovers)
  const engine = await cleanEngines(dryRun, did)
  // After the processes, which might write something again.
  const elsewhere = await cleanElsewhere(dryRun)
  const lines = [...leftovers.map((one) => render(one, did)), ...engine.lines, ...elsewhere.lines.map((line) => `${line}\n`)]
  process.stdout.write(lines.length === 0 && elsewhere.failed.length === 0 ? 'nothing is left of dead runs\n' : lines.join(''))
  for (const note of engine.notes) process.stderr.write(note)
  const all = [...failed, ...engine.failed]
  if (elsewhere.failed.length > 0) throw new LabError(all.length > 0 ? EXIT.internal : EXIT.prerequisite, [...all, ...elsewhere.failed].join('\n'))
  if (all.length > 0) throw new LabError(EXIT.internal, all.join('\n'))
}

/** What is on servers of others. */
async function cleanElsewhere(dryRun: boolean): Promise<Leavings> {
  const problems: string[] = []
  const externals = readExternals(process.env, problems)
  if (problems.length > 0) throw new LabError(EXIT.usage, problems.join('\n'))
  return cleanExternal(externals, dryRun)
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
