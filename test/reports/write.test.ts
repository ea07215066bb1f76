import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { writeReports } from '../../src/reports/write.ts'
import { breakpoint } from '../../src/scenarios/breakpoint.ts'
import { makeRun, resultsFolder } from './folders.ts'
import { STARTED } from './records.ts'

test('a search is told as JSON and words; for all else its probes are named', async () => {
  using results = resultsFolder()
  const folder = join(results.path, 'search')
  mkdirSync(folder)
  const events = [{ atMs: 1, ...STARTED, scenario: breakpoint }, { atMs: 2, type: 'run-ended', status: 'aborted', exitCode: 130 }]
  writeFileSync(join(folder, 'events.ndjson'), events.map((event) => `${JSON.stringify(event)}\n`).join(''))
  expect(await writeReports(folder)).toEqual(['json', 'md'])
  expect(await writeReports(folder, 'all')).toEqual(['json', 'md'])
  expect(JSON.parse(readFileSync(join(folder, 'summary.json'), 'utf8'))).toMatchObject({ kind: 'search' })
  await expect(writeReports(folder, ['html'])).rejects.toMatchObject({ exitCode: 2, hint: expect.stringContaining('probes/1 --format html') as string })
  expect(existsSync(join(folder, 'report.html'))).toBe(false)
})

test('only what is asked for is written, and nothing half-written is left', async () => {
  using results = resultsFolder()
  const folder = makeRun(results.path, { runId: 'r1' })
  expect(await writeReports(folder, ['junit', 'openmetrics'])).toEqual(['junit', 'openmetrics'])
  expect(['summary.json', 'report.md', 'report.html', 'junit.xml', 'metrics.om.txt', 'junit.xml.new'].filter((name) => existsSync(join(folder, name)))).toEqual(['junit.xml', 'metrics.om.txt'])
})
