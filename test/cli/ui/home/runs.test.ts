import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { pastRuns } from '../../../../src/cli/ui/home/runs.ts'

let results: string
const file = { schemaVersion: 1, status: 'complete', exitCode: 0, scenario: { id: 'spike' }, architecture: 'v2', startedAt: '2026-11-21T07:45:00.000Z', commandLine: './lab run spike --arch v2 --set batch=50 --rate 100 --results x', lab: { pid: 1, startTime: 0 } }
const FOLDERS: Record<string, unknown> = {
  'a-complete': file,
  'b-newer': { ...file, exitCode: 7, startedAt: '2026-11-21T08:00:00.000Z' },
  'c.partial': { ...file, status: 'aborted', exitCode: 130, why: 'interrupted', startedAt: '2026-11-20T08:00:00.000Z' },
  'd.partial': { ...file, status: 'running', startedAt: '2026-11-19T08:00:00.000Z' },
  'e-other-version': { ...file, schemaVersion: 9 },
  'f-other-form': { schemaVersion: 1, status: 'complete' },
  'g-number': 5,
}
beforeAll(() => {
  results = mkdtempSync(join(tmpdir(), 'load-lab-runs-'))
  for (const [name, content] of Object.entries(FOLDERS)) {
    mkdirSync(join(results, name))
    writeFileSync(join(results, name, 'run.json'), JSON.stringify(content))
  }
  mkdirSync(join(results, 'h-cut'))
  writeFileSync(join(results, 'h-cut', 'run.json'), '{"schemaVersion": 1, "sta')
  mkdirSync(join(results, 'i-no-run'))
  writeFileSync(join(results, 'a-file'), '')
})
afterAll(() => rmSync(results, { recursive: true }))

test('newest first, by verdict; what cannot be read says why and hides nothing', async () => {
  const runs = await pastRuns(results)
  const shown = Object.fromEntries(runs.map(({ name, verdict, why }) => [name, why === undefined ? verdict : `${verdict}: ${why}`]))
  expect(runs.slice(0, 4).map(({ name }) => name)).toEqual(['b-newer', 'a-complete', 'c.partial', 'd.partial'])
  expect(shown).toMatchObject({ 'a-complete': 'passed', 'b-newer': 'failed', 'c.partial': 'aborted: interrupted', 'd.partial': 'broken: its lab was killed before the end' })
  expect(shown['e-other-version']).toMatch(/^unreadable: run\.json is of version 9/)
  expect(shown['f-other-form']).toMatch(/^unreadable: its run\.json has not the form of one/)
  expect(shown['g-number']).toMatch(/^unreadable: run\.json is of no version/)
  expect(shown['h-cut']).toMatch(/^unreadable: run\.json cannot be read/)
  expect(Object.keys(shown)).toHaveLength(8)
  expect(runs.find(({ name }) => name === 'a-complete')?.extras).toBe('batch=50 rate=100')
})

test('no folder of results: no runs', async () => expect(await pastRuns(join(results, 'none'))).toEqual([]))
