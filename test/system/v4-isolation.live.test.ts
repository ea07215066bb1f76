import { randomInt } from 'node:crypto'
import * as fc from 'fast-check'
import { Redis } from 'ioredis'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DeadLetters } from '../../src/system/architecture.ts'
import { openDeadLetters } from '../../src/system/architectures/v4-rabbitmq-tenants/dead-letters.ts'
import type { V4Knobs } from '../../src/system/architectures/v4-rabbitmq-tenants/knobs.ts'
import { API_ACCOUNT } from '../../src/system/architectures/v4-rabbitmq-tenants/tenancy/accounts.ts'
import { createContext } from '../../src/system/context.ts'
import { ACCOUNT } from '../../src/system/postgres/connect.ts'
import { until } from './client.ts'
import { drained, startStack, type Stack } from './stack.ts'
import { burst, writeCase, type Burst } from './v4-isolation/cases.ts'
import { falseClaim, read, type World } from './v4-isolation/reads.ts'
import { makeTenants, tenantCases, type Tenant } from './v4-isolation/tenants.ts'
import { falseSight, look, openWindow, write, type Sight, type Window } from './v4-isolation/writes.ts'

/** `ISOLATION_SEED=…` runs the same cases again. */
const SEED = Number(process.env['ISOLATION_SEED'] ?? randomInt(2 ** 31))
const CASES = 10_000
const ROUNDS = 4
/** Requests of each workspace in a round. */
const WRITES = 50
/** Before each rollup, and after it. */
const READS = 1_040
/** Then it is looked whether there were enough reads. */
const BURSTS = 20

describe(`tenants of v4 that share ids, keys and names (ISOLATION_SEED=${SEED})`, () => {
  let stack: Stack
  let world: World & { letters: Awaited<ReturnType<DeadLetters['list']>>; rolledUp: Map<Tenant, ReadonlySet<string>> }
  let windows: { tenant: Tenant; window: Window; sights: Sight[] }[]
  let letters: DeadLetters
  const count = { writes: 0, sights: 0, reads: 0, keys: 0 }

  beforeAll(async () => {
    stack = await startStack('v4', { knobs: { workspaces: '1', rollup: '3600' } })
    const context = createContext({ env: stack.system.env, knobs: stack.knobs as V4Knobs, signal: new AbortController().signal })
    const tenants = await makeTenants(stack.url, fc.sample(tenantCases, { seed: SEED, numRuns: 1 })[0]!)
    const poolAs = (account: typeof ACCOUNT) => new pg.Pool({ ...context.address('postgres'), ...account, max: 4 }).on('error', () => {})
    world = {
      url: stack.url, tenants, operator: await stack.architecture.onlooker!(context), redis: new Redis(context.address('redis')),
      owner: poolAs(ACCOUNT), api: poolAs(API_ACCOUNT), letters: [], rolledUp: new Map(), kept: new Map(),
    }
    letters = await openDeadLetters(context)
    // Of each workspace as many as may look.
    windows = await Promise.all(tenants.flatMap((tenant) => tenant.tokens.map(async ({ token }) => (
      { tenant, window: await openWindow(stack.url, { authorization: `Bearer ${token}` }), sights: [] }
    ))))
  })

  afterAll(async () => {
    for (const { window } of windows ?? []) window[Symbol.dispose]()
    world?.redis.disconnect()
    await Promise.all([letters?.[Symbol.asyncDispose](), world?.owner.end(), world?.api.end()])
    await stack?.[Symbol.asyncDispose]()
  })

  it(`see, hold and answer nothing of each other, in ${CASES.toLocaleString('en')} cases`, { timeout: 600_000 }, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      await writeAll(round)
      await settle()
      checkSights()
      await readAll(round, 0)
      await rollUp()
      await readAll(round, 1)
      await checkRedis()
    }
    const { tenants } = world
    expect(count.writes + count.reads).toBeGreaterThanOrEqual(CASES)
    // None of it would mean much had nothing been shared.
    expect(tenants.every((it) => it.ledger.stored.length > 100 && it.ledger.dead.size > 0)).toBe(true)
    expect(count.sights).toBeGreaterThan(100)
  })

  /** All workspaces at once, each one request after the other: so what came first is known. */
  async function writeAll(round: number): Promise<void> {
    const lanes = fc.sample(fc.array(writeCase, { minLength: WRITES, maxLength: WRITES, size: 'max' }), { seed: SEED + round, numRuns: world.tenants.length })
    await Promise.all(world.tenants.map(async (tenant, i) => {
      const others = world.tenants.filter((it) => it !== tenant)
      const { sights } = windows.find((it) => it.tenant === tenant)!
      for (const [n, one] of lanes[i]!.entries()) {
        const problem = await write(world.url, tenant, others, one)
        if (problem !== undefined) throw failure(`workspace ${tenant.workspace}, write ${n} of round ${round}: ${problem}`, one)
        count.writes += 1
        if (!one.looks) continue
        const sight = await look(world.url, tenant)
        if (typeof sight === 'string') throw failure(`workspace ${tenant.workspace}: ${sight}`, one)
        sights.push(sight)
      }
    }))
  }

  async function settle(): Promise<void> {
    const { count: shown } = await drained(stack.judge, 60_000)
    const expected = sum(world.tenants, (it) => it.ledger.stored.length)
    if (shown !== expected) throw failure(`${shown} events are stored, expected ${expected}`, undefined)
    world.letters = await letters.list(Infinity)
    const foreign = world.letters.find(({ owner }) => world.tenants.every((it) => String(it.workspace) !== owner))
    if (foreign !== undefined) throw failure('a dead letter belongs to no workspace', foreign)
  }

  function checkSights(): void {
    for (const { tenant, window, sights } of windows) {
      sights.push(...window.take())
      count.sights += sights.length
      const problem = window.problem() ?? falseSight(tenant, sights.splice(0))
      if (problem !== undefined) throw failure(`workspace ${tenant.workspace}: a socket or a reader ${problem}`, undefined)
    }
  }

  async function readAll(round: number, half: number): Promise<void> {
    const property = fc.asyncProperty(burst(round), async ({ atOnce, reads }: Burst) => {
      const problems = atOnce ? await Promise.all(reads.map((it) => read(world, it))) : []
      if (!atOnce) for (const it of reads) problems.push(await read(world, it))
      count.reads += reads.length
      const problem = problems.find((it) => it !== undefined)
      if (problem !== undefined) throw failure(problem, undefined)
    })
    const enough = count.reads + READS
    for (let seed = SEED + 1_000 * (2 * round + half); count.reads < enough; seed++) await fc.assert(property, { seed, numRuns: BURSTS })
  }

  /** The job rolls up when it starts, and then not for an hour. */
  async function rollUp(): Promise<void> {
    const job = stack.system.services.find(({ service }) => service === 'rollup')!
    await job.stop()
    await job.start()
    const expected = sum(world.tenants, (it) => it.ledger.stored.length)
    await until('everything is rolled up', async () => {
      const { rows } = await world.owner.query<{ events: number }>("SELECT coalesce(sum(count), 0)::float8 AS events FROM event_aggregations WHERE dimension = 'hour'")
      return rows[0]!.events === expected
    }, 30_000)
    for (const it of world.tenants) world.rolledUp.set(it, it.ledger.aggregations())
  }

  /** All that Redis holds: whatever stands under a workspace is its own, and nothing stands under no workspace. */
  async function checkRedis(): Promise<void> {
    const { redis, tenants, kept } = world
    const names = (await redis.keys('*')).filter((it) => !/^(dashboard:0|analytics:0:.*|login:.*|dashboards:projector)$/.test(it))
    for (const name of names) {
      const [kind, number, rest] = /^(dashboard|analytics|idempotency):(\d+)(?::(.*))?$/.exec(name)?.slice(1) ?? []
      const tenant = tenants.find((it) => it.workspace === Number(number))
      if (tenant === undefined) throw failure(`Redis holds ${name}, of no workspace that there is`, undefined)
      if (kind === 'idempotency') {
        const problem = falseClaim(tenant, rest!, await redis.get(name))
        if (problem !== undefined) throw failure(problem, undefined)
      } else if (kind === 'analytics') {
        const answer = JSON.parse((await redis.get(name)) ?? 'null') as unknown
        const { workspace, asked, rows } = kept.get(name) ?? {}
        if (answer !== null) expect(answer, `${name} (${failure('', undefined).message})`).toEqual({ workspace, asked, rows })
      }
    }
    count.keys += names.length
  }

  function failure(problem: string, one: unknown): Error {
    return new Error(`${problem}${one === undefined ? '' : `\ncase: ${JSON.stringify(one)}`}\nagain: ISOLATION_SEED=${SEED}`)
  }
})

function sum<T>(all: readonly T[], of: (it: T) => number): number {
  return all.reduce((total, it) => total + of(it), 0)
}
