import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { resultsFolder } from '../reports/folders.ts'
import { lab } from './lab-process.ts'

test('lab matrix: runs, writes what it found, and goes on where it was', async () => {
  using results = resultsFolder()
  const folder = join(results.path, 'matrix')
  const args = ['matrix', '--arch', 'null', '--scenario', 'spike', '--rate', '50', '--duration', '3', '--results', results.path]
  const first = await lab(args)
  expect(first.code, first.stderr).toBe(0)
  expect(first.stderr).toContain('1 of 1: spike on null\n')
  const runs = () => readdirSync(folder).filter((name) => existsSync(join(folder, name, 'run.json')))
  expect(runs()).toHaveLength(1)
  expect(first.stdout).toContain(`\`${runs()[0]}\``)
  expect(readFileSync(join(folder, 'matrix.md'), 'utf8')).toBe(first.stdout)

  const again = await lab([...args, '--json'])
  expect(again.stderr).toContain('1 of 1: spike on null, was run already')
  expect(runs()).toHaveLength(1)
  expect(JSON.parse(again.stdout)).toMatchObject({ schemaVersion: 1, cells: [{ runId: runs()[0], architecture: 'null' }], missing: [] })

  const prices = join(results.path, 'prices.json')
  writeFileSync(prices, '{"cpuHour": 0}')
  expect(await lab([...args, '--prices', prices])).toMatchObject({ code: 2, stderr: expect.stringMatching(/cpuHour: Too small[^]*it must read like \{"name"/) as string })
  expect((await lab([...args, '--name', '../x'])).code).toBe(2)
})
