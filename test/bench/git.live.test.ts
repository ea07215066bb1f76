import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { buildRevision } from '../../src/bench/build.ts'
import { checkoutOf, resolveRevisions } from '../../src/bench/git.ts'

let home: string
let checkout: string
const git = (...args: string[]) => execFileSync('git', args, { cwd: checkout, encoding: 'utf8', env: { ...process.env, GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'a@b', GIT_COMMITTER_NAME: 'a', GIT_COMMITTER_EMAIL: 'a@b' } }).trim()
const put = (name: string, text: string) => writeFileSync(join(checkout, name), text)

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'load-lab-test-'))
  checkout = join(home, 'checkout')
  mkdirSync(join(checkout, 'node_modules'), { recursive: true })
  git('init', '-q', '-b', 'main')
  put('.gitignore', 'ignored\n')
  put('package-lock.json', '{}')
  put('lab', '#!/bin/sh\n')
  put('build.mjs', `import { readFileSync, writeFileSync } from 'node:fs'\nwriteFileSync('built', readFileSync('code', 'utf8'))\n`)
  put('code', 'one')
  git('add', '-A')
  git('commit', '-qm', 'One')
  put('code', 'two')
  git('commit', '-qam', 'Two')
  git('tag', 'v2')
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

const resolved = async (...names: string[]) => {
  const problems: string[] = []
  return { found: await resolveRevisions(checkout, names, problems), problems }
}
const never = new AbortController().signal

describe('names', () => {
  test('branches, tags and earlier commits', async () => {
    const { found, problems } = await resolved('main', 'v2', 'HEAD~1')
    expect(problems).toEqual([])
    expect(found.map(({ commit }) => commit)).toEqual([git('rev-parse', 'main'), git('rev-parse', 'main'), git('rev-parse', 'main~1')])
  })

  test('all unknown ones are named, with those there are', async () => {
    const { found, problems } = await resolved('nope', '--upload-pack=x', '')
    expect(found).toEqual([])
    expect(problems).toHaveLength(3)
    expect(problems[0]).toMatch(/no commit "nope" in .*There are: (main, v2|v2, main), or \. for the working tree/)
  })

  test('no checkout is said so', async () => {
    await expect(checkoutOf(tmpdir())).rejects.toMatchObject({ exitCode: 3, message: expect.stringContaining('is not in a git checkout') as string })
  })
})

describe('the working tree', () => {
  test('what is not committed and not even added belongs to it; what is ignored does not; nothing is touched', async () => {
    put('code', 'three')
    put('new', 'x')
    put('ignored', 'x')
    put('staged', 'x')
    git('add', 'staged')
    const before = git('status', '--porcelain')
    const { found } = await resolved('.')
    expect(found[0]).toMatchObject({ isWorkingTree: true, changes: 3 })
    expect(git('ls-tree', '-r', '--name-only', found[0]!.commit).split('\n').sort()).toEqual(['.gitignore', 'build.mjs', 'code', 'lab', 'new', 'package-lock.json', 'staged'])
    expect(git('show', `${found[0]!.commit}:code`)).toBe('three')
    expect(git('status', '--porcelain')).toBe(before)
    expect(git('log', '--oneline').split('\n')).toHaveLength(2)
  })

  test('without changes it is the commit it stands on', async () => {
    const { found } = await resolved('.')
    expect(found[0]).toMatchObject({ commit: git('rev-parse', 'HEAD'), changes: 0 })
  })
})

describe('builds', () => {
  test('each in a folder of its own, gone afterwards', async () => {
    put('code', 'three')
    const { found } = await resolved('HEAD~1', '.')
    const folders = ['a', 'b'].map((name) => join(home, name))
    {
      await using one = await buildRevision(checkout, found[0]!, folders[0]!, never)
      await using other = await buildRevision(checkout, found[1]!, folders[1]!, never)
      expect([one, other].map(({ folder }) => readFileSync(join(folder, 'built'), 'utf8'))).toEqual(['one', 'three'])
      expect(existsSync(join(one.folder, 'node_modules'))).toBe(true)
    }
    expect(folders.map((folder) => existsSync(folder))).toEqual([false, false])
    expect(git('worktree', 'list').split('\n')).toHaveLength(1)
    expect(existsSync(join(checkout, 'built'))).toBe(false)
  })

  test('a build that fails says what it said, and leaves nothing', async () => {
    put('build.mjs', `throw new Error('a missing semicolon')`)
    const { found } = await resolved('.')
    await expect(buildRevision(checkout, found[0]!, join(home, 'a'), never)).rejects.toMatchObject({ exitCode: 2, message: expect.stringMatching(/the build of \. failed[^]*a missing semicolon/) as string })
    expect(existsSync(join(home, 'a'))).toBe(false)
    expect(git('worktree', 'list').split('\n')).toHaveLength(1)
  })

  test('a commit of something else is no build', async () => {
    rmSync(join(checkout, 'build.mjs'))
    const { found } = await resolved('.')
    await expect(buildRevision(checkout, found[0]!, join(home, 'a'), never)).rejects.toThrow('. cannot be built: it has no build.mjs')
  })
})
