import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { planRun } from '../../src/experiment/plan.ts'
import { run } from '../../src/experiment/run.ts'
import { markdownReport } from '../../src/reports/markdown.ts'
import { WRONGS } from '../../src/reports/reconcile.ts'
import { summarise } from '../../src/reports/summarise.ts'
import type { RunEvent } from '../../src/run/events.ts'
import { readRecord, type RunRecord } from '../../src/run/record.ts'
import { local } from '../../src/runtime/local/local.ts'
import type { Caller } from '../../src/system/architecture.ts'
import { ran } from './runs.ts'

/** What any key, token or password of v4 looks like, whoever has it. */
const SECRETS = [/lk_\d+_[\w-]{12}_[\w-]{43}/, /eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]+/]

describe('tenants on v4, in a short form, with history', () => {
  const events: RunEvent[] = []
  const handedOut: string[] = []
  let callers: Caller[] = []
  let results: string
  let folder: string
  let record: RunRecord

  beforeAll(async () => {
    results = await mkdtemp(join(tmpdir(), 'load-lab-test-'))
    const plan = await planRun({ scenario: 'tenants', arch: 'v4', duration: '24', rate: '100', set: [], compose: [], subscribers: '3', seed: '1', history: '3000', results }, local, 'lab run (test)')
    const { architecture } = plan
    const watched = {
      ...architecture,
      async callers(context: Parameters<NonNullable<typeof architecture.callers>>[0]) {
        callers = await architecture.callers!(context)
        for (const { headers, readHeaders } of callers) handedOut.push(...Object.values({ ...headers, ...readHeaders }))
        return callers
      },
      async onlooker(context: Parameters<NonNullable<typeof architecture.onlooker>>[0]) {
        const headers = await architecture.onlooker!(context)
        handedOut.push(...Object.values(headers))
        return headers
      },
    }
    for await (const event of run({ ...plan, architecture: watched }, new AbortController().signal)) events.push(event)
    const end = events.at(-1)!
    expect(end).toMatchObject({ type: 'run-ended', status: 'complete' })
    folder = join(results, plan.runId)
    record = await readRecord(folder)
  }, 180_000)
  afterAll(() => rm(results, { recursive: true, force: true }))

  test('every order is with whom it belongs to, those of history as well, and what was broken changed nothing', () => {
    const accounting = record.state.accounting!
    for (const kind of WRONGS) expect(accounting[kind], kind).toBe(0)
    expect(accounting).toMatchObject({ leaked: 0, miscounted: [], history: { orders: 3_000, stored: 3_000, lost: 0 } })
    expect(accounting.stored).toBe(accounting.ok + accounting.recovered)
    expect(record.state.faults.map(({ fault, service }) => `${fault} ${service}`)).toEqual(['kill worker', 'pause redis', 'pause postgres'])
    // Whatever a busy machine makes of its figures: nothing wrong with the data.
    expect(record.state.verdict?.exitCode).not.toBe(7)
  })

  test('the borders were tried all along, and held', () => {
    const rounds = events.filter((event) => event.type === 'trespassed')
    expect(rounds.length).toBeGreaterThan(10)
    expect(Math.max(...rounds.map(({ attempts }) => attempts))).toBeGreaterThan(30)
    expect(record.state.trespass).toMatchObject({ leaks: 0, examples: [] })
    expect(record.state.accounting!.guests).toBeGreaterThan(10)
  })

  test('the noisy one and the others have figures of their own, in the report', () => {
    const summary = summarise(record)
    const calm = summary.phases.find(({ name }) => name === 'calm')!.groups!
    const noisy = summary.phases.find(({ name }) => name === 'noisy')!.groups!
    expect(calm.others.offeredPerSecond).toBeGreaterThan(calm.noisy.offeredPerSecond)
    expect(noisy.noisy.offeredPerSecond).toBeGreaterThan(2 * noisy.others.offeredPerSecond)
    expect(noisy.others.latencyMs!.count).toBeGreaterThan(50)
    expect(summary.expectations.find(({ says }) => says.startsWith('p99 latency of the other'))).toMatchObject({ measured: expect.any(Number) as number })
    expect(markdownReport(record, summary)).toContain('attempts, 0 leaks')
  })

  test('no secret that was handed out is anywhere: not in the folder, its logs, its reports, nor in what --json prints', async () => {
    expect(callers).toHaveLength(20)
    expect(handedOut).toHaveLength(41)
    const texts = new Map([['--json', events.map((event) => JSON.stringify(event)).join('\n')]])
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) texts.set(entry.name, await readFile(join(entry.parentPath, entry.name), 'latin1'))
    }
    expect([...texts.keys()]).toEqual(expect.arrayContaining(['run.json', 'events.ndjson', 'summary.json', 'report.md', 'api.log', 'worker.log']))
    const secrets = handedOut.map((value) => value.replace(/^Bearer /, ''))
    for (const [name, text] of texts) {
      for (const secret of secrets) expect(text.includes(secret), `${name} has a secret`).toBe(false)
      for (const pattern of SECRETS) expect(pattern.test(text), `${name} has what looks like a secret`).toBe(false)
    }
    // The patterns are those of what is handed out.
    for (const secret of secrets) expect(SECRETS.some((pattern) => pattern.test(secret))).toBe(true)
  })
})

test('a leaking worker: exactly its victims are leaked, named with both owners, and the run fails with 7', async () => {
  await using result = await ran({ arch: 'v4', compose: [fileURLToPath(new URL('sabotage/leaking.yaml', import.meta.url))] })
  const accounting = result.record.state.accounting!
  const victims = result.ledger.sources.reduce((sum, source) => sum + Math.floor((result.ledger.events(source) - 8) / 256) + 1, 0)
  expect(accounting.leaked).toBe(victims)
  expect(victims).toBeGreaterThan(3)
  for (const example of accounting.examples.leaked!) {
    const [, of, to] = /^\S+07 of (\d+), stored for (\d+)$/.exec(example)!
    expect(Number(to)).toBe((Number(of) % 20) + 1)
  }
  for (const kind of WRONGS) expect(accounting[kind], kind).toBe(0)
  expect(result.exitCode).toBe(7)
  expect(result.record.state.verdict?.reasons[0]).toContain(`${victims} leaked (stored for somebody else than who sent them)`)
})
