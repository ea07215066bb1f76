import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { mayWrite, questionsIn } from '../../src/cli/commands/scale.ts'
import { beginScale, dueRuns, planStep, readScale, stepsFor } from '../../src/experiment/scale.ts'
import { MARKER } from '../../src/reports/scale/text.ts'
import { local } from '../../src/runtime/local/local.ts'
import { stepsOf } from '../../src/scenarios/scale/steps.ts'
import { madeScenario, makeRun, resultsFolder } from '../reports/folders.ts'

let results: ReturnType<typeof resultsFolder>
let folder: string
beforeEach(() => {
  results = resultsFolder()
  folder = join(results.path, 'scale-quick')
})
afterEach(() => results[Symbol.dispose]())

const runOf = (runId: string, step: string, status: 'complete' | 'aborted' | 'running' = 'complete', why?: string) =>
  makeRun(folder, { runId, started: { scenario: { ...madeScenario(), id: step }, architecture: 'v1' }, runFile: { status, ...(why !== undefined && { why }) } })

describe('goes on where it was', () => {
  test('what came to its end is not run again; what was interrupted or damaged is, and why is known', async () => {
    await beginScale(folder, 'quick')
    runOf('1', 'v1-base')
    runOf('2.partial', 'v1-pool-2', 'aborted', 'interrupted\nmore')
    runOf('3.partial', 'v1-pool-40', 'running')
    writeFileSync(join(runOf('4', 'v1-batch-20'), 'run.json'), 'rubbish')
    const { found, failures } = await readScale(folder)
    expect(found.map(({ step, runId }) => [step, runId])).toEqual([['v1-base', '1']])
    expect([...failures]).toEqual([['v1-pool-2', 'the run aborted: interrupted'], ['v1-pool-40', 'the run was cut off']])
    const due = dueRuns(stepsOf('quick'), found).map(({ step }) => step.id)
    expect(due).not.toContain('v1-base')
    expect(due.slice(0, 3)).toEqual(['v1-pool-2', 'v1-pool-40', 'v1-batch-20'])
  })

  test('repetition by repetition, and only those that are missing', () => {
    const steps = stepsOf('full').slice(0, 3).map((step) => ({ ...step, repetitions: 2 }))
    const [a, b, c] = steps.map(({ id }) => id)
    expect(dueRuns(steps, [{ step: a! }, { step: a! }, { step: c! }]).map(({ step, repetition }) => [step.id, repetition])).toEqual([[b, 1], [b, 2], [c, 2]])
  })
})

describe('a folder belongs to one plan', () => {
  test('the same again is welcome; another size, other steps, other runs and damage are refused', async () => {
    await beginScale(folder, 'quick')
    await expect(beginScale(folder, 'quick')).resolves.toBeUndefined()
    await expect(beginScale(folder, 'full')).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining('was begun with --quick, now the full size') as string })
    writeFileSync(join(folder, 'scale.json'), '{"size":"quick","plan":"another"}')
    await expect(beginScale(folder, 'quick')).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining('other steps') as string })
    writeFileSync(join(folder, 'scale.json'), 'rubbish')
    await expect(beginScale(folder, 'quick')).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining('damaged') as string })
    const others = join(results.path, 'others')
    makeRun(others, { runId: '1-baseline-v2' })
    await expect(beginScale(others, 'quick')).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining('not of a scale') as string })
    expect(readdirSync(others)).toEqual(['1-baseline-v2'])
  })
})

test('a step is planned as any run: its own scenario, knobs, rate and history', async () => {
  const step = stepsOf('quick').find(({ id }) => id === 'aggregate-full-scan-500k')!
  const plan = await planStep(step, folder, local, './lab scale --quick')
  expect(plan).toMatchObject({ baseRate: 200, history: 500_000, resultsDir: folder, knobs: { aggregator: 'full-scan', interval: 1_000, heap: 2_048, pool: 10 }, scenario: { id: step.id }, commandLine: './lab scale --quick' })
  expect(plan.runId).toMatch(/^\d{8}-\d{6}-aggregate-full-scan-500k-v1-[0-9a-f]{4}$/)
  const search = stepsOf('full').find(({ kind }) => kind === 'search')!
  expect((await planStep(search, folder, local, '')).scenario.search).toMatchObject({ tolerance: 0.1 })
})

test('some questions alone', () => {
  expect(questionsIn(undefined)).toEqual([1, 2, 3, 4, 5, 6, 7])
  expect(questionsIn('3, 1')).toEqual([1, 3])
  for (const wrong of ['8', '1,two', '', ',']) expect(() => questionsIn(wrong)).toThrow(expect.objectContaining({ exitCode: 2 }) as Error)
  expect(stepsFor('quick', [4]).map(({ id }) => id)).toEqual(['sockets-500', 'sockets-1000', 'sockets-4000'])
})

test('only what lab scale has written is written over', async () => {
  const file = join(results.path, 'SCALE.md')
  await expect(mayWrite(file, 'SCALE.md')).resolves.toBeUndefined()
  writeFileSync(file, `${MARKER}\n\n# old`)
  await expect(mayWrite(file, 'SCALE.md')).resolves.toBeUndefined()
  writeFileSync(file, '# My own')
  await expect(mayWrite(file, 'SCALE.md')).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining('was not written by lab scale') as string })
  mkdirSync(join(results.path, 'folder'))
  await expect(mayWrite(join(results.path, 'folder'), 'folder')).rejects.toMatchObject({ exitCode: 2 })
  await expect(mayWrite(join(results.path, 'nowhere', 'SCALE.md'), 'nowhere/SCALE.md')).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining('there is no folder') as string })
})
