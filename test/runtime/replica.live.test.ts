import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { describe, expect, it } from 'vitest'
import { runFolder } from '../../src/runtime/run-folder.ts'
import type { RunningService, System } from '../../src/runtime/runtime.ts'
import { bringUp, remains } from './running.ts'

const find = (system: System, service: string): RunningService => system.services.find((one) => one.service === service)!

async function on<Row>(system: System, service: 'POSTGRES' | 'REPLICA', sql: string): Promise<Row[]> {
  const client = new Client({ host: system.env[`${service}_HOST`], port: Number(system.env[`${service}_PORT`]), user: 'lab', database: 'orders' })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return (await client.query(sql)).rows as Row[]
  } finally {
    await client.end()
  }
}

/** Waits until the replica has so many rows. It may be away for a moment. */
async function arrived(system: System, rows: number): Promise<void> {
  const untilMs = performance.now() + 15_000
  let seen: unknown
  while (performance.now() < untilMs) {
    seen = await on<{ n: number }>(system, 'REPLICA', 'SELECT count(*)::int AS n FROM kept').then(([row]) => row!.n, (error: unknown) => String(error))
    if (seen === rows) return
    await sleep(50)
  }
  throw new Error(`the replica does not have ${rows} rows: ${String(seen)}`)
}

const add = (system: System, rows: number) => on(system, 'POSTGRES', `INSERT INTO kept SELECT n, repeat('x', 500) FROM generate_series(1, ${rows}) n`)

describe('a standby', () => {
  it('has what the primary has, is read-only, catches up after either was killed, and is gone with the run', async () => {
    const run = bringUp('standby.yaml')
    const system = await run.system
    const [primary, replica] = [find(system, 'postgres'), find(system, 'replica')]
    expect(await on(system, 'REPLICA', 'SELECT pg_is_in_recovery() AS standby')).toEqual([{ standby: true }])
    await on(system, 'POSTGRES', 'CREATE TABLE kept (n int, filler text)')
    await add(system, 1_000)
    await arrived(system, 1_000)
    await expect(on(system, 'REPLICA', 'INSERT INTO kept VALUES (0)')).rejects.toThrow('read-only')
    expect(await on(system, 'POSTGRES', 'SELECT application_name, state FROM pg_stat_replication')).toEqual([{ application_name: 'replica', state: 'streaming' }])

    // Away while more is written than a log segment or two holds, with a checkpoint that would remove what nobody waits for.
    await replica.kill()
    await add(system, 100_000)
    await on(system, 'POSTGRES', 'CHECKPOINT')
    await on(system, 'POSTGRES', 'SELECT pg_switch_wal()')
    await on(system, 'POSTGRES', 'CHECKPOINT')
    await replica.start()
    await arrived(system, 101_000)

    await primary.kill()
    expect(await on<{ n: number }>(system, 'REPLICA', 'SELECT count(*)::int AS n FROM kept'), 'reads go on').toEqual([{ n: 101_000 }])
    await primary.start()
    await add(system, 1_000)
    await arrived(system, 102_000)

    await replica.stop()
    await replica.start()
    await replica.pause()
    await add(system, 1_000)
    await replica.resume()
    await arrived(system, 103_000)

    const bytes = await system.dataBytes()
    expect(Object.keys(bytes).sort()).toEqual(['postgres', 'replica'])
    expect(bytes.replica).toBeGreaterThan(50 * 2 ** 20)
    await system[Symbol.asyncDispose]()
    expect(remains(run.runId)).toEqual([])
    expect(run.events.filter((event) => event.type === 'service-exited' && !event.expected)).toEqual([])
  })

  it('is copied whole while the primary is being written to', async () => {
    const run = bringUp('standby.yaml')
    await using system = await run.system
    const replica = find(system, 'replica')
    await on(system, 'POSTGRES', 'CREATE TABLE kept (n int, filler text)')
    await replica.stop()
    rmSync(join(runFolder(run.runId), 'replica'), { recursive: true })
    let copied = false
    let rows = 0
    const writing = (async () => {
      for (; !copied && rows < 2_000_000; rows += 5_000) await add(system, 5_000)
    })()
    await replica.start()
    copied = true
    await writing
    expect(rows, 'something was written meanwhile').toBeGreaterThan(0)
    await arrived(system, rows)
    const sum = 'SELECT count(*)::int AS n, sum(n)::text AS numbers, sum(length(filler))::text AS bytes FROM kept'
    expect(await on(system, 'REPLICA', sum)).toEqual(await on(system, 'POSTGRES', sum))
  })
})
