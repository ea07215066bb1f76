import { appendFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadRuns, sameWork } from '../../../src/reports/compare/load.ts'
import { differencesBetween } from '../../../src/reports/compare/same-work.ts'
import { madeScenario, makeRun, resultsFolder } from '../folders.ts'
import { STARTED } from '../records.ts'

let results: ReturnType<typeof resultsFolder>
beforeEach(() => {
  results = resultsFolder()
})
afterEach(() => results[Symbol.dispose]())

const metric = async (folder: string) => Object.fromEntries((await loadRuns([folder]))[0]!.metrics.map(({ id, value }) => [id, value]))

test('the figures of a folder', async () => {
  const found = await metric(makeRun(results.path, { runId: 'r1', saturation: 1_200, workerCpu: 0.2 }))
  // 0.2 cores at 100 events/s: 2 s of CPU for 1,000 events.
  expect(found).toEqual({
    saturation: 1_200,
    cpu: expect.closeTo(5_000, 0),
    'cpu.worker': expect.closeTo(2_000, 0),
    'cpu.api': expect.closeTo(3_000, 0),
    p50: expect.closeTo(2.02, 1),
    p99: expect.closeTo(5.7, 0),
    visible: 100,
  })
})

test('drain: what was stored in the seconds that began and ended with more waiting', async () => {
  const folder = makeRun(results.path, { runId: 'r1' })
  const path = join(folder, 'events.ndjson')
  const lines = (await import('node:fs')).readFileSync(path, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as { type: string; second: number; backlog: number })
  // 100/s up to second 10, 1,000/s after it. Whoever looked only at the end of a second would count the one from 9 to 10.
  for (const line of lines) if (line.type === 'sample') line.backlog = line.second >= 10 && line.second <= 13 ? 5_000 : 10
  writeFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  expect((await metric(folder))['drain']).toBeCloseTo(1_000, 6)
})

describe('folders that cannot be compared', () => {
  test.each([
    ['aborted', { status: 'aborted' }, 'was interrupted: only complete runs can be compared'],
    ['failed', { status: 'failed', why: 'api died by itself\nmore' }, 'failed (api died by itself): only complete'],
    ['running', { status: 'running' }, 'goes on still, or its lab was killed'],
    ['of a version to come', { schemaVersion: 2 }, 'is of version 2, and this lab reads version 1'],
    ['of no version', { schemaVersion: undefined }, 'is of no version, and this lab reads version 1'],
  ] as const)('%s', async (_name, runFile, says) => {
    const folder = makeRun(results.path, { runId: 'r1', runFile: runFile as never })
    await expect(loadRuns([folder])).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining(says) as string })
  })

  const damage: [string, (folder: string) => void, RegExp][] = [
    ['run.json is cut off', (folder) => truncateSync(join(folder, 'run.json'), 100), /run\.json cannot be read/],
    ['run.json is an empty object', (folder) => writeFileSync(join(folder, 'run.json'), '{}'), /of no version/],
    ['no events', (folder) => rmSync(join(folder, 'events.ndjson')), /has no events\.ndjson/],
    ['events cut off', (folder) => truncateSync(join(folder, 'events.ndjson'), 4_000), /events end before the verdict/],
    ['rubbish amid the events', (folder) => appendFileSync(join(folder, 'events.ndjson'), 'rubbish\n{}\n'), /line \d+ is not JSON/],
    ['an event that is none', (folder) => appendFileSync(join(folder, 'events.ndjson'), '{"type":"fault-injected"}\nnull\n{}\n'), /line \d+ is no event of a run/],
    ['a phase that nobody planned', (folder) => appendFileSync(join(folder, 'events.ndjson'), '{"atMs":1,"type":"phase-began","phase":"x","index":7}\n'), /phase "x", which its scenario does not have/],
    ['a damaged histogram log', (folder) => writeFileSync(join(folder, 'latency.hlog'), 'Tag=constant.latency,1.0,1.0,1.0,HISTFAAAAnot\nTag=b,1,1,1,x\n'), /latency\.hlog cannot be read/],
  ]
  test.each(damage)('%s', async (_name, harm, says) => {
    const folder = makeRun(results.path, { runId: 'r1' })
    harm(folder)
    const before = readdirSync(folder)
    await expect(loadRuns([folder])).rejects.toMatchObject({ exitCode: 2, message: expect.stringMatching(says) as string })
    expect(readdirSync(folder)).toEqual(before)
  })

  test('all of them are named at once', async () => {
    const folders = ['a', 'b'].map((runId) => makeRun(results.path, { runId, runFile: { status: 'aborted' } }))
    await expect(loadRuns(folders)).rejects.toThrow(/a was interrupted[^]*b was interrupted/)
  })

  test('what falsifies everything is a doubt, a late injector costs the latencies, lost data are wrong', async () => {
    const found = (check: string) => [{ check, ok: false, says: 'x' }]
    const [stolen, late, lossy] = await loadRuns([
      makeRun(results.path, { runId: 'a', verdict: { outcome: 'invalid', exitCode: 6, reasons: ['x'], validity: found('stolen CPU time') } }),
      makeRun(results.path, { runId: 'c', verdict: { outcome: 'invalid', exitCode: 6, reasons: ['x'], validity: found('send lag in constant') } }),
      makeRun(results.path, { runId: 'b', verdict: { outcome: 'failed', exitCode: 7, reasons: ['3 lost'] } }),
    ])
    expect([stolen!.doubt, late!.doubt, lossy!.doubt]).toEqual(['INVALID, stolen CPU time: x', undefined, undefined])
    expect([late!.late, late!.metrics.map(({ id }) => id)]).toEqual(['send lag in constant: x', ['saturation', 'cpu', 'cpu.worker', 'cpu.api']])
    expect([stolen!.wrong, lossy!.wrong]).toEqual([undefined, '3 lost'])
  })
})

describe('same work', () => {
  const load = async (...made: Parameters<typeof makeRun>[1][]) => loadRuns(made.map((one) => makeRun(results.path, one)))

  test('knobs and architecture may differ between the sides, and are named', async () => {
    const [base] = await load({ runId: 'a' })
    const [head] = await load({ runId: 'b', started: { knobs: { batch: 50 }, seed: 9, git: { commit: 'abc', dirty: true } } })
    expect(sameWork([base!], [head!]).map(({ what, base: from, head: to }) => [what, from, to])).toEqual([['knob.batch', '500', '50'], ['code', 'unknown', 'abc with changes']])
  })

  test.each([
    ['another rate', { baseRate: 900 }, 'base rate is 500 in a, 900 in b'],
    ['history', { history: 1_000 }, 'history is 0 in a, 1000 in b'],
    ['another machine', { machine: { ...STARTED.machine, cores: 8 } }, 'machine.cores is 2 in a, 8 in b'],
    ['another mix', { scenario: { ...madeScenario(), subscribers: 7 } }, 'scenario.subscribers is 20 in a, 7 in b'],
  ] as const)('%s is refused', async (_name, started, says) => {
    const [base] = await load({ runId: 'a' })
    const [head] = await load({ runId: 'b', started })
    expect(() => sameWork([base!], [head!])).toThrow(says)
  })

  test('one side must be one system, and a run is named once', async () => {
    const [a, b] = await load({ runId: 'a' }, { runId: 'b', started: { knobs: { batch: 1 } } })
    expect(() => sameWork([a!, b!], [a!])).toThrow(/a is named twice[^]*against is not one system: knob\.batch is 500 in a, 1 in b/)
  })

  test('a run that lost data is no baseline', async () => {
    const [a, b] = await load({ runId: 'a', verdict: { outcome: 'failed', exitCode: 7, reasons: ['3 lost'] } }, { runId: 'b' })
    expect(() => sameWork([a!], [b!])).toThrow('a can be no baseline: 3 lost')
  })

  test('title, words, expectations and a few pages of memory make no difference', () => {
    const other = { ...STARTED, scenario: { ...STARTED.scenario, says: 'x', title: 'y', expectations: [] }, machine: { ...STARTED.machine, memoryBytes: STARTED.machine.memoryBytes - 40_960 } }
    expect(differencesBetween(STARTED, other)).toEqual([])
  })

  test('a server that is not the lab\'s is other work, unless both ran on the same', () => {
    const external = [{ service: 'redis', at: 'cache:6379' }]
    expect(differencesBetween(STARTED, { ...STARTED, external })).toEqual([{ what: 'services of others', base: 'none', head: 'redis at cache:6379', forbidden: true }])
    expect(differencesBetween({ ...STARTED, external }, { ...STARTED, external })).toEqual([])
  })
})
