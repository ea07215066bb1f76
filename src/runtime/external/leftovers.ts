import { deadClaims, removeClaim, type Claim } from './claims.ts'
import { placeOf, type External } from './external.ts'
import { guests } from './guests.ts'

/** What dead runs have left on servers that are not the lab's, one line each. */
export interface Leavings {
  lines: string[]
  /** What could not be removed, and why. */
  failed: string[]
}

/** @param externals servers that the environment names: what lies on others cannot be reached, as no password is kept */
export async function cleanExternal(externals: readonly External[], dryRun: boolean): Promise<Leavings> {
  const said: Leavings = { lines: [], failed: [] }
  for (const claim of await deadClaims()) await cleanClaim(claim, externals, dryRun, said)
  return said
}

async function cleanClaim({ runId, parts }: Claim, externals: readonly External[], dryRun: boolean, said: Leavings): Promise<void> {
  let left = 0
  for (const { kind, variable, place, namespace } of parts) {
    const external = externals.find((one) => one.kind === kind && placeOf(one) === place)
    const what = `${guests[kind].part(namespace)} on ${kind} at ${place}`
    try {
      if (external === undefined) throw new Error(`set ${variable} to that server and run lab clean again (no password of it is kept)`)
      if (dryRun) said.lines.push(`would remove of run ${runId}: ${what}`)
      else {
        const gone = await guests[kind].leave(external, namespace)
        said.lines.push(`removed of run ${runId} on ${kind} at ${place}: ${gone ?? 'nothing, as nothing was left'}`)
      }
    } catch (error) {
      left += 1
      said.failed.push(`left of run ${runId}: ${what}: ${(error as Error).message}`)
    }
  }
  if (left === 0 && !dryRun) await removeClaim(runId)
}
