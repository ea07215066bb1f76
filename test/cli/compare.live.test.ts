import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Comparison } from '../../src/reports/compare/compare.ts'
import { makeRun, resultsFolder } from '../reports/folders.ts'
import { lab } from './lab-process.ts'

test('lab compare: the verdict as exit code, JSON and text, and not a file touched', async () => {
  using results = resultsFolder()
  const make = (side: string, workerCpu: number) =>
    Array.from({ length: 6 }, (_, i) => makeRun(results.path, { runId: `${side}${i}`, workerCpu: workerCpu * (1 + 0.002 * i), saturation: 1_000 + i, latencyUs: 2_000 + i }))
  make('base', 0.2)
  make('head', 0.26)
  const names = (side: string) => Array.from({ length: 6 }, (_, i) => `${side}${i}`)
  const before = readFileSync(join(results.path, 'head0/events.ndjson'), 'utf8')

  const text = await lab(['compare', ...names('head'), '--against', ...names('base'), '--results', results.path])
  expect(text.code, text.stderr).toBe(5)
  expect(text.stdout).toMatch(/\*\*REGRESSED\*\*\n\n- CPU of the whole system: worse by 1\d %[^]*CPU of worker: worse by 30 %/)

  const json = await lab(['compare', ...names('head'), '--against', ...names('head').map((name) => name.replace('head', 'base')), '--paired', '--json', '--results', results.path])
  const comparison = JSON.parse(json.stdout) as Comparison
  expect(comparison).toMatchObject({ schemaVersion: 1, paired: true, exitCode: 6, verdict: 'inconclusive' })
  expect(comparison.metrics.map(({ id }) => id)).toContain('cpu.worker')

  expect((await lab(['compare', 'head0', '--against', 'base', 'nobody', '--results', results.path])).stderr).toMatch(/'base' could be any of base0[^]*no run 'nobody' in/)
  expect((await lab(['compare', 'head0', 'head1', '--against', 'base0', '--paired', '--results', results.path])).stderr).toContain('--paired needs as many runs on both sides: 2 and 1')
  expect((await lab(['compare', 'head0', '--results', results.path])).code).toBe(2)
  expect(readFileSync(join(results.path, 'head0/events.ndjson'), 'utf8')).toBe(before)
  expect(readdirSync(join(results.path, 'head0')).sort()).toEqual(['events.ndjson', 'latency.hlog', 'logs', 'run.json'])
})
