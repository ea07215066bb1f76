import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { EXIT, LabError } from '../run/errors.ts'

const run = promisify(execFile)

/** One state of the code, as a commit that can be checked out. */
export interface Revision {
  /** As it was asked for: `main`, `.` … */
  name: string
  commit: string
  /** The working tree as it is, with what is not committed. */
  isWorkingTree: boolean
  /** What `git status` names, where it is the working tree. */
  changes: number
}

/** `git` in a folder; its output. Throws {@link LabError} (exit code 3) where there is no git. */
export async function git(folder: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  try {
    return (await run('git', [...args], { cwd: folder, env: { ...process.env, ...env }, maxBuffer: 1 << 26 })).stdout.trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new LabError(EXIT.prerequisite, 'git is not on the PATH, and builds are made from commits', 'install git')
    throw error
  }
}

/** The top of the checkout that a folder is in. Throws {@link LabError} (exit code 3) where it is in none. */
export async function checkoutOf(folder: string): Promise<string> {
  try {
    return await git(folder, ['rev-parse', '--show-toplevel'])
  } catch (error) {
    if (error instanceof LabError) throw error
    throw new LabError(EXIT.prerequisite, `${folder} is not in a git checkout, and builds are made from commits`, 'clone the repository')
  }
}

/** Every name that is no commit is added to the problems. `.` is the working tree as it is now, kept as a commit that nothing refers to. */
export async function resolveRevisions(checkout: string, names: readonly string[], problems: string[]): Promise<Revision[]> {
  const found: Revision[] = []
  for (const name of names) {
    const commit = name === '.' ? await snapshot(checkout) : await commitOf(checkout, name)
    if (commit === undefined) {
      const shallow = (await git(checkout, ['rev-parse', '--is-shallow-repository'])) === 'true' ? '; this clone is shallow: fetch all of it (actions/checkout: fetch-depth: 0)' : ''
      problems.push(`there is no commit ${JSON.stringify(name)} in ${checkout}${shallow}. There are: ${await someRefs(checkout)}, or . for the working tree`)
      continue
    }
    const changes = name === '.' ? (await git(checkout, ['status', '--porcelain', '--', '.', ':!node_modules'])).split('\n').filter((line) => line !== '').length : 0
    found.push({ name, commit, isWorkingTree: name === '.', changes })
  }
  return found
}

async function commitOf(checkout: string, name: string): Promise<string | undefined> {
  if (name.startsWith('-') || name === '') return undefined
  try {
    return await git(checkout, ['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`])
  } catch (error) {
    if (error instanceof LabError) throw error
    return undefined
  }
}

async function someRefs(checkout: string): Promise<string> {
  const refs = (await git(checkout, ['for-each-ref', '--count=8', '--sort=-committerdate', '--format=%(refname:short)'])).split('\n').filter((ref) => ref !== '')
  return refs.length === 0 ? 'none' : refs.join(', ')
}

const NOBODY = { GIT_AUTHOR_NAME: 'lab bench', GIT_AUTHOR_EMAIL: 'bench@localhost', GIT_COMMITTER_NAME: 'lab bench', GIT_COMMITTER_EMAIL: 'bench@localhost' }

/** Everything git would track, by an index of its own: the checkout's own index and files stay as they are. */
async function snapshot(checkout: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'load-lab-index-'))
  try {
    const env = { ...NOBODY, GIT_INDEX_FILE: join(folder, 'index') }
    const head = await git(checkout, ['rev-parse', 'HEAD'])
    await git(checkout, ['read-tree', 'HEAD'], env)
    await git(checkout, ['add', '--all', '--', '.'], env)
    // A link by this name is no folder, which is what .gitignore leaves out.
    await git(checkout, ['rm', '-r', '-q', '--cached', '--ignore-unmatch', '--', 'node_modules'], env)
    const tree = await git(checkout, ['write-tree'], env)
    if (tree === (await git(checkout, ['rev-parse', 'HEAD^{tree}']))) return head
    return await git(checkout, ['commit-tree', tree, '-p', head, '-m', 'The working tree, for lab bench'], env)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
