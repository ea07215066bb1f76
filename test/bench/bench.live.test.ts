import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { readRunFile } from '../../src/run/find.ts'
import { packageRoot } from '../../src/runtime/entry.ts'
import { gone, lab, startLab } from '../cli/lab-process.ts'
import { resultsFolder } from '../reports/folders.ts'
import { skippedUnless } from '../skipped.ts'

const isCheckout = existsSync(join(packageRoot, '.git'))
const worktrees = () => execFileSync('git', ['worktree', 'list'], { cwd: packageRoot, encoding: 'utf8' }).split('\n').filter((line) => line.includes('load-lab-builds-'))

describe.skipIf(!isCheckout)(`lab bench${skippedUnless(isCheckout, 'no git checkout')}`, () => {
  test('everything that is wrong with what was asked for, at once, and nothing built', async () => {
    using results = resultsFolder()
    const before = worktrees()
    const { code, stderr } = await lab(['bench', '--base', 'no-such-ref', '--head', 'nor-this', '--arch', 'v9', '--pairs', '3', '--same-pairs', 'x', '--duration', '0', '--results', results.path])
    expect(code).toBe(2)
    for (const says of ['no commit "no-such-ref"', 'no commit "nor-this"', '--pairs 3: must be a whole number from 6 to 200', '--same-pairs x', 'no architecture "v9"', '--duration 0']) expect(stderr).toContain(says)
    expect(readdirSync(results.path)).toEqual([])
    expect(worktrees()).toEqual(before)
  })

  test('builds apart, runs, and interrupted leaves nothing behind but the runs it has', async () => {
    using results = resultsFolder()
    const before = worktrees()
    const bench = startLab(['bench', '--base', 'HEAD', '--arch', 'null', '--duration', '3', '--rate', '50', '--results', results.path])
    while (!bench.stderr().includes('a first run to warm up')) {
      if (bench.child.exitCode !== null) throw new Error(bench.stderr())
      await sleep(100)
    }
    expect(bench.stderr()).toMatch(/base: HEAD \([0-9a-f]{12}\); head: the working tree, .*; 10 pairs, and 3 of the base with itself/)
    const folder = join(results.path, readdirSync(results.path)[0]!)
    const warm = join(folder, '00-warm', readdirSync(join(folder, '00-warm'))[0]!)
    expect(await readRunFile(warm)).toMatchObject({ status: 'complete', architecture: 'null', baseRate: 50, git: { dirty: false } })
    // The first pair has begun when its folder is there.
    while (!readdirSync(folder).some((name) => name.startsWith('01a') && readdirSync(join(folder, name)).length > 0)) await sleep(50)
    const first = readdirSync(folder).find((name) => name.startsWith('01a'))!
    const runId = readdirSync(join(folder, first))[0]!.replace('.partial', '')
    bench.child.kill('SIGINT')
    expect((await bench.exited).code).toBe(130)
    await gone(runId, 1_000)
    expect(worktrees()).toEqual(before)
    expect(existsSync(join(folder, 'comparison.json'))).toBe(false)
  })
})
