import type Docker from 'dockerode'
import { fateOf, LABELS, thisPlace } from './mark.ts'
import { removeAll, thingsOf, type Thing } from './removal.ts'

/** What labs have left on an engine, by run: of dead ones, and of those of which this machine cannot tell. */
export interface EngineLeftovers {
  dead: { runId: string; things: Thing[] }[]
  /** They belong to labs of other machines, or other process namespaces: only there can it be known. */
  foreign: { runId: string; things: Thing[]; host: string }[]
}

const WITHIN_MS = 15_000

export async function findOnEngine(docker: Docker): Promise<EngineLeftovers> {
  const here = thisPlace()
  const found: EngineLeftovers = { dead: [], foreign: [] }
  const runs = Map.groupBy(await thingsOf(docker), ({ labels }) => labels[LABELS.run] ?? '')
  for (const [runId, things] of runs) {
    const fates = new Set(things.map(({ labels }) => fateOf(labels, here)))
    if (fates.has('alive')) continue
    // What is marked half is nobody's to judge.
    if (fates.has('unknown')) found.foreign.push({ runId, things, host: things[0]!.labels[LABELS.host]?.split('/')[0] ?? 'unknown' })
    else found.dead.push({ runId, things })
  }
  return found
}

/** Removes what {@link findOnEngine} found of a dead run. @returns what it could not, one line each */
export async function cleanEngine(docker: Docker, runId: string): Promise<string[]> {
  const left = await removeAll(docker, () => thingsOf(docker, runId), { withinMs: WITHIN_MS, quietMs: 0 })
  return left.map(({ kind, name }) => `${kind} ${name} of run ${runId} cannot be removed`)
}
