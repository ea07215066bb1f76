import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { cacheDir } from '../cache.ts'
import { isAlive, type ProcessId } from '../processes.ts'
import type { Kind } from './external.ts'

/** What a run has of servers that are not the lab's. Written before anything is made there, removed when all of it is gone. */
export interface Claim {
  runId: string
  owner: ProcessId
  /** The machine on which that process lives or lived. */
  host: string
  /** No account, no password: whoever cleans up brings a URL. */
  parts: readonly ClaimedPart[]
}

export interface ClaimedPart {
  kind: Kind
  variable: string
  place: string
  namespace: string
}

const folder = (): string => join(cacheDir(), 'external')
const fileOf = (runId: string): string => join(folder(), `${runId}.json`)

export async function writeClaim(claim: Claim): Promise<void> {
  await mkdir(folder(), { recursive: true, mode: 0o700 })
  const path = fileOf(claim.runId)
  await writeFile(`${path}.${process.pid}`, JSON.stringify(claim), { mode: 0o600, flush: true })
  await rename(`${path}.${process.pid}`, path)
}

export async function removeClaim(runId: string): Promise<void> {
  await rm(fileOf(runId), { force: true })
}

/** Claims of runs whose lab is dead. Those of other machines, which may share a home, are left out: only there can be told. */
export async function deadClaims(): Promise<Claim[]> {
  const names = await readdir(folder()).catch(() => [])
  const claims = await Promise.all(names.filter((name) => name.endsWith('.json')).map(async (name) => JSON.parse(await readFile(join(folder(), name), 'utf8')) as Claim))
  return claims.filter(({ host, owner }) => host === hostname() && !isAlive(owner))
}
