import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RuntimeEvent } from '../runtime/runtime.ts'
import { cacheDir } from '../runtime/cache.ts'
import { environmentOf, KINDS, SECRET_VARIABLE } from '../runtime/external/external.ts'
import { readExternals, variableOf } from '../runtime/external/read-urls.ts'
import { EXIT, LabError } from '../run/errors.ts'
import { isAlive } from '../runtime/processes.ts'

/** A system that `lab up` keeps running: the keeper process holds the watchdog's pipe. */
export interface Kept {
  arch: string
  runId: string
  url: string
  keeper: { pid: number; startTime: number }
  /** Addresses of everything in it, as the services see them. */
  env: Record<string, string>
  logDir: string
  /** What it runs with. */
  knobs: Record<string, string | number | boolean>
}

/** What the keeper tells `lab up` until the system stands. */
export type KeeperMessage = { type: 'event'; event: RuntimeEvent } | { type: 'up'; kept: Kept } | { type: 'failed'; exitCode: number; message: string; hint?: string }

/** For the disk, and for what is shown: accounts of servers that are not the lab's stay in the environment of who has them. */
export function withoutSecrets(env: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !SECRET_VARIABLE.test(name)))
}

/** What {@link withoutSecrets} left out, from the environment. @throws LabError when it does not name the server any more */
export function envOf({ env, arch }: Pick<Kept, 'env' | 'arch'>, given: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const problems: string[] = []
  const externals = readExternals(given, problems)
  const missing = KINDS.filter((kind) => env[`${kind.toUpperCase()}_NAMESPACE`] !== undefined).flatMap((kind) => {
    const found = externals.find((one) => one.kind === kind && one.hosts[0]!.host === env[`${kind.toUpperCase()}_HOST`])
    return found === undefined ? [`${arch} works on a server of somebody else's, whose password is kept nowhere: set ${variableOf(kind)} as it was when it was brought up`] : []
  })
  if (missing.length + problems.length > 0) throw new LabError(EXIT.usage, [...problems, ...missing].join('\n'))
  const secrets = externals.flatMap((one) => Object.entries(environmentOf(one, '')).filter(([name]) => SECRET_VARIABLE.test(name)))
  return { ...env, ...Object.fromEntries(secrets) }
}

const keptDir = () => join(cacheDir(), 'up')

export async function remember(kept: Kept): Promise<void> {
  await mkdir(keptDir(), { recursive: true })
  await writeFile(join(keptDir(), `${kept.arch}.json`), JSON.stringify(kept))
}

export async function forget(arch: string): Promise<void> {
  await rm(join(keptDir(), `${arch}.json`), { force: true })
}

/** Those whose keeper lives; notes of dead ones are removed (their watchdog has ended the rest). */
export async function listKept(): Promise<Kept[]> {
  const names = await readdir(keptDir()).catch(() => [])
  const kept: Kept[] = []
  for (const name of names.filter((name) => name.endsWith('.json'))) {
    const one = JSON.parse(await readFile(join(keptDir(), name), 'utf8')) as Kept
    if (isAlive(one.keeper)) kept.push(one)
    else await forget(one.arch)
  }
  return kept
}
