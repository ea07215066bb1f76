import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile, realpath, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { EXIT, LabError } from '../run/errors.ts'
import { git, type Revision } from './git.ts'

const run = promisify(execFile)

/** A revision checked out and built in a folder of its own; the folder goes with it. */
export interface Build extends AsyncDisposable {
  folder: string
  revision: Revision
}

/**
 * Builds a revision with its own build script. Packages are those of the checkout where the lock files are the same, else they are
 * installed. Throws {@link LabError} (exit code 2) with the end of what the build said where it fails.
 */
export async function buildRevision(checkout: string, revision: Revision, folder: string, signal: AbortSignal): Promise<Build> {
  await git(checkout, ['worktree', 'add', '--detach', '--force', folder, revision.commit])
  const build: Build = {
    folder,
    revision,
    async [Symbol.asyncDispose]() {
      await git(checkout, ['worktree', 'remove', '--force', folder]).catch(() => undefined)
      await rm(folder, { recursive: true, force: true })
      await git(checkout, ['worktree', 'prune']).catch(() => undefined)
    },
  }
  try {
    await providePackages(checkout, folder, signal)
    await step(revision, folder, process.execPath, ['build.mjs'], signal)
    if (!existsSync(join(folder, 'lab'))) throw new LabError(EXIT.usage, `${revision.name} has no ./lab`, 'name a commit of this repository')
    return build
  } catch (error) {
    await build[Symbol.asyncDispose]()
    throw error
  }
}

async function providePackages(checkout: string, folder: string, signal: AbortSignal): Promise<void> {
  const lock = (at: string) => readFile(join(at, 'package-lock.json'), 'utf8').catch(() => undefined)
  const modules = join(checkout, 'node_modules')
  if (existsSync(modules) && (await lock(checkout)) === (await lock(folder))) await symlink(await realpath(modules), join(folder, 'node_modules'))
  else await run('npm', ['ci', '--no-audit', '--no-fund'], { cwd: folder, signal, maxBuffer: 1 << 26 }).catch(failed('npm ci', folder, signal))
}

async function step({ name }: Revision, folder: string, program: string, args: readonly string[], signal: AbortSignal): Promise<void> {
  if (!existsSync(join(folder, args[0]!))) throw new LabError(EXIT.usage, `${name} cannot be built: it has no ${args[0]}`, 'name a commit of this repository')
  await run(program, [...args], { cwd: folder, signal, maxBuffer: 1 << 26 }).catch(failed(`the build of ${name}`, folder, signal))
}

function failed(what: string, folder: string, signal: AbortSignal): (error: unknown) => never {
  return (error) => {
    signal.throwIfAborted()
    const { stderr = '', message } = error as { stderr?: string; message: string }
    const words = stderr.trim().split('\n').slice(-15).join('\n')
    throw new LabError(EXIT.usage, `${what} failed in ${folder}:\n${words === '' ? message : words}`, 'mend it, or name another commit')
  }
}
