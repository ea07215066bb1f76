import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { searchCapacity } from '../../src/experiment/breakpoint.ts'
import { planRun } from '../../src/experiment/plan.ts'
import type { SearchSummary } from '../../src/reports/search-summary.ts'
import type { RunEvent } from '../../src/run/events.ts'
import type { RunFile } from '../../src/run/folder.ts'
import { readRecord, type RunRecord } from '../../src/run/record.ts'
import { local } from '../../src/runtime/local/local.ts'
import type { Search } from '../../src/scenarios/scenario.ts'
import { gone, lab, startLab } from '../cli/lab-process.ts'

const composeFile = (kind: string) => fileURLToPath(new URL(`sabotage/${kind}.yaml`, import.meta.url))
const read = <T>(...path: string[]) => JSON.parse(readFileSync(join(...path), 'utf8')) as T

let folder: string
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'load-lab-test-'))))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('a system that hangs up on what goes beyond 60 orders a second', () => {
  let events: RunEvent[]
  let record: RunRecord
  let results: string

  beforeAll(async () => {
    const plan = await planRun({ scenario: 'breakpoint', arch: 'null', set: [], compose: [composeFile('limited')], results: folder, rate: '40', duration: '3', subscribers: '1' }, local, 'lab run breakpoint')
    // Few probes, and of the criteria the one that is no matter of the machine; how late the injector is, is.
    const search: Search = { ...plan.scenario.search!, lowestRate: 40, highestRate: 80, tolerance: 0.5, confirmations: 1 }
    const expectations = plan.scenario.expectations.filter(({ metric }) => metric === 'errorRate')
    events = await Array.fromAsync(searchCapacity({ ...plan, scenario: { ...plan.scenario, search, expectations } }, search, new AbortController().signal))
    results = join(folder, plan.runId)
    record = await readRecord(results)
  })

  test('no rate below fails, none above holds, and the answer lies between', () => {
    const { probes, searched } = record.state.search!
    for (const { rate, outcome } of probes) expect(['late', 'disturbed', rate < 60 ? 'passed' : 'failed'], `${rate}/s`).toContain(outcome)
    if (searched!.why === 'found') expect(searched).toMatchObject({ pass: { rate: 56.57, passed: 1 }, fail: { rate: 80, failed: 1 } })
    else expect(probes.some(({ outcome }) => outcome === 'late' || outcome === 'disturbed')).toBe(true)
    expect(events.at(-1)).toMatchObject({ type: 'run-ended', status: 'complete', exitCode: searched!.why === 'found' ? 0 : 6 })
  })

  test('every probe is a complete run with a report of its own, against a system of its own', () => {
    const { probes } = record.state.search!
    expect(readdirSync(join(results, 'probes')).sort()).toEqual(probes.map(({ probe }) => String(probe)).sort())
    const runs = probes.map(({ probe }) => read<RunFile>(results, 'probes', String(probe), 'run.json'))
    expect(runs.every(({ status, scenario }) => status === 'complete' && scenario.search === undefined)).toBe(true)
    expect(runs.map(({ baseRate }) => baseRate)).toEqual(probes.map(({ rate }) => rate))
    expect(new Set(runs.map(({ runId }) => runId)).size).toBe(probes.length)
    for (const { probe } of probes) expect(existsSync(join(results, 'probes', String(probe), 'report.md'))).toBe(true)
  })

  test('the folder alone gives the same report again', async () => {
    const path = join(results, 'report.md')
    const written = readFileSync(path, 'utf8')
    expect(written).toMatch(/^# The highest rate that holds: null\n/)
    expect(read<SearchSummary>(results, 'summary.json')).toMatchObject({ kind: 'search', firstRate: 40, probes: record.state.search!.probes })
    rmSync(path)
    expect((await lab(['report', results])).code).toBe(0)
    expect(readFileSync(path, 'utf8')).toBe(written)
  })

  test('whoever watches the folder sees what the lab told', async () => {
    const watching = startLab(['watch', results, '--json'])
    expect((await watching.exited).code).toBe(0)
    expect(watching.events).toEqual(JSON.parse(JSON.stringify(events)))
  })
})

test('a system that loses orders: the search ends with its first probe and exit code 7', async () => {
  const results = join(folder, 'lossy')
  const { code, stderr } = await lab(['run', 'breakpoint', '--arch', 'v2', '--compose', composeFile('lossy'), '--rate', '200', '--duration', '3', '--subscribers', '1', '--results', results, '--plain'])
  expect(stderr).toMatch(/search: about 12 probes, each in a fresh system; it will take about \d+ min/)
  expect(stderr).toMatch(/probe 1 at 200\/s DATA WRONG: .*\d+ lost/)
  expect(code).toBe(7)
  const [run] = readdirSync(results)
  expect(readdirSync(join(results, run!, 'probes'))).toEqual(['1'])
  expect(read<SearchSummary>(results, run!, 'summary.json').verdict).toMatchObject({ outcome: 'failed', exitCode: 7 })
})

test('Ctrl-C in the second probe: nothing is left running, and what is known is kept', async () => {
  const results = join(folder, 'interrupted')
  const running = startLab(['run', 'breakpoint', '--arch', 'null', '--rate', '20', '--duration', '2', '--subscribers', '1', '--results', results, '--json'])
  const probed = await running.until((event) => event.type === 'probe-event' && event.event.type === 'sample' && event.probe === 2)
  running.child.kill('SIGINT')
  expect((await running.exited).code).toBe(130)
  expect(probed).toMatchObject({ type: 'probe-event' })
  const [partial] = readdirSync(results)
  expect(partial).toMatch(/\.partial$/)
  const runId = partial!.replace(/\.partial$/, '')
  expect(await gone(`${runId}-2`, 0)).toBeLessThan(1_000)
  expect(readdirSync(join(results, partial!, 'probes'))).toEqual(['1', '2.partial'])
  expect(read<RunFile>(results, partial!, 'run.json')).toMatchObject({ status: 'aborted', exitCode: 130 })
  expect(readFileSync(join(results, partial!, 'report.md'), 'utf8')).toContain('**ABORTED**: the search did not come to its end; so far: ')
})
