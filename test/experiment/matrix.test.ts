import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { planMatrix, type MatrixPlan } from '../../src/experiment/matrix.ts'
import { local } from '../../src/runtime/local/local.ts'
import { makeRun, resultsFolder } from '../reports/folders.ts'

let results: ReturnType<typeof resultsFolder>
beforeEach(() => {
  results = resultsFolder()
})
afterEach(() => results[Symbol.dispose]())

const planned = (patch: Partial<MatrixPlan> = {}) =>
  planMatrix({ folder: join(results.path, 'matrix'), architectures: ['v2', 'null'], scenarios: ['baseline', 'spike'], options: { rate: '100' }, ...patch }, local)

test('every scenario on every architecture, in the order they were named', async () => {
  expect((await planned()).map(({ architecture, scenario, folder }) => [architecture, scenario, folder])).toEqual([
    ['v2', 'baseline', undefined],
    ['v2', 'spike', undefined],
    ['null', 'baseline', undefined],
    ['null', 'spike', undefined],
  ])
})

test('what was run to its end is not run again; what was interrupted, failed or damaged is', async () => {
  const folder = join(results.path, 'matrix')
  await planned()
  makeRun(folder, { runId: '1-baseline-v2' })
  makeRun(folder, { runId: '2-baseline-v2' })
  makeRun(folder, { runId: '3-baseline-null.partial', started: { architecture: 'null' }, runFile: { status: 'aborted' } })
  writeFileSync(join(makeRun(folder, { runId: '4-damaged', started: { architecture: 'null' } }), 'run.json'), 'rubbish')
  expect((await planned()).map(({ folder: found }) => found)).toEqual([join(folder, '2-baseline-v2'), undefined, undefined, undefined])
})

test('a matrix is not mixed of several rates', async () => {
  await planned()
  await expect(planned({ options: { rate: '200' } })).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining('was begun with other options: {"rate":"100"}, now {"rate":"200"}') as string })
  await expect(planned()).resolves.toHaveLength(4)
})

test('all that is wrong, each once, and nothing made', async () => {
  await expect(planned({ architectures: ['v2', 'v9'], scenarios: ['spike', 'nope'], options: { rate: '-1' } })).rejects.toMatchObject({
    exitCode: 2,
    message: expect.stringMatching(/^(?=[^]*no architecture "v9")(?=[^]*no scenario "nope")(?=[^]*--rate -1)/) as string,
  })
  expect(readdirSync(results.path)).toEqual([])
})
