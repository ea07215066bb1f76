/**
 * v1's accept path at saturation, through HTTP (64 connections, closed loop, unique orders): one INSERT an order against grouped commits, each with
 * `syncCommit` on and off; beside it what pgbench gets out of the same server with the same INSERT, prepared, with as many clients as the API has
 * connections (10). The ids of both are UUIDv7, so both walk the index alike. The aggregator stands still. Fresh databases, alternating rounds.
 * `npm run bench:insert -- [rounds] [seconds]`
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { readStat, TICKS_PER_SECOND } from '../src/runtime/processes.ts'
import type { System } from '../src/runtime/runtime.ts'
import { median, row, stack, thousands } from './stack.ts'

const [rounds = 3, seconds = 5] = process.argv.slice(2).map(Number)
const CONNECTIONS = 64
const CLIENTS = 10
const GROUPED = 50
const root = fileURLToPath(new URL('..', import.meta.url))
const SYNC = ['on', 'off'] as const
type Sync = (typeof SYNC)[number]

/** `insert-order.sql` with values of pgbench's own. */
const SCRIPT = String.raw`\set store random(0, 49)
\set product random(0, 19)
\set cents random(0, 2000)
INSERT INTO orders (id, timestamp_ms, amount_cents, type, store, product) VALUES (uuidv7(), (extract(epoch FROM clock_timestamp()) * 1000)::bigint, :cents, 0, :store, :product) ON CONFLICT (id) DO NOTHING
`

/** On the PATH, else the newest that Debian put aside. */
function findPgbench(): string | undefined {
  if (spawnSync('pgbench', ['--version']).status === 0) return 'pgbench'
  const base = '/usr/lib/postgresql'
  const versions = existsSync(base) ? readdirSync(base).sort((a, b) => Number(b) - Number(a)) : []
  return versions.map((version) => join(base, version, 'bin/pgbench')).find((path) => existsSync(path))
}

/** Orders accepted per second, and CPU-microseconds of the API's process for each. */
async function throughHttp(system: System): Promise<{ perSecond: number; apiUs: number }> {
  const pid = system.services.find((it) => it.service === 'api')!.pid!
  const cpuSeconds = () => readStat(pid)!.cpuTicks / TICKS_PER_SECOND
  const before = { cpu: cpuSeconds(), atMs: performance.now() }
  const child = spawn(process.execPath, [`${root}bench/injector-peak.ts`, system.env['API_PORT']!, String(CONNECTIONS), String(seconds), '/api/v1'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit').then(() => {
    throw new Error('the generator ended without a figure')
  })
  exited.catch(() => undefined)
  const [line] = (await Promise.race([once(createInterface(child.stdout), 'line'), exited])) as [string]
  const perSecond = Number(line)
  const tookS = (performance.now() - before.atMs) / 1_000
  return { perSecond, apiUs: ((cpuSeconds() - before.cpu) / (perSecond * tookS)) * 1e6 }
}

/** Transactions per second of pgbench alone. */
function byPgbench(pgbench: string, system: System, sync: Sync): number {
  const folder = mkdtempSync(join(tmpdir(), 'load-lab-pgbench-'))
  const script = join(folder, 'insert.sql')
  writeFileSync(script, SCRIPT)
  const env = {
    ...process.env, PGHOST: system.env['POSTGRES_HOST'], PGPORT: system.env['POSTGRES_PORT'], PGUSER: 'lab', PGPASSWORD: 'lab', PGDATABASE: 'lab',
    PGOPTIONS: `-c synchronous_commit=${sync}`,
  }
  const { stdout, stderr } = spawnSync(pgbench, ['-n', '-M', 'prepared', '-c', String(CLIENTS), '-j', '2', '-T', String(seconds), '-f', script], { env, encoding: 'utf8' })
  rmSync(folder, { recursive: true })
  const tps = /^tps = ([\d.]+)/m.exec(stdout)?.[1]
  if (tps === undefined) throw new Error(`pgbench gave no figure:\n${stderr}`)
  return Number(tps)
}

const pgbench = findPgbench()
if (pgbench === undefined) process.stderr.write('pgbench is neither on the PATH nor in /usr/lib/postgresql: no reference (Debian: postgresql-client)\n')
const figures = new Map<string, { perSecond: number; apiUs?: number }[]>()
const keep = (name: string, figure: { perSecond: number; apiUs?: number }) => {
  figures.set(name, [...(figures.get(name) ?? []), figure])
  process.stderr.write(`${name}: ${thousands(figure.perSecond)}/s\n`)
}

for (let round = 0; round < rounds; round++) {
  for (const sync of round % 2 === 0 ? SYNC : SYNC.toReversed()) {
    for (const batch of [1, GROUPED]) {
      await using system = await stack('v1', {}, [`batch=${batch}`, `syncCommit=${sync}`, `pool=${CLIENTS}`])
      await system.services.find((it) => it.service === 'aggregator')!.stop()
      keep(`v1, batch=${batch}, sync ${sync}`, await throughHttp(system))
      if (batch === 1 && pgbench !== undefined) keep(`pgbench, sync ${sync}`, { perSecond: byPgbench(pgbench, system, sync) })
    }
  }
}

row('who stores', 'median orders/s', 'lowest – highest', 'API CPU µs per order', '÷ pgbench', '÷ batch=1')
row('---', '---:', '---:', '---:', '---:', '---:')
const medianOf = (name: string) => median(figures.get(name)?.map((it) => it.perSecond) ?? [])
for (const [name, all] of [...figures].sort(([a], [b]) => (a < b ? -1 : 1))) {
  const sync = name.endsWith('on') ? 'on' : 'off'
  const rates = all.map((it) => it.perSecond)
  const cpu = all.flatMap((it) => it.apiUs ?? [])
  const against = (other: string) => (figures.has(other) && other !== name ? (medianOf(name) / medianOf(other)).toFixed(2) : '')
  row(name, thousands(median(rates)), `${thousands(Math.min(...rates))} – ${thousands(Math.max(...rates))}`, cpu.length > 0 ? median(cpu).toFixed(1) : '', against(`pgbench, sync ${sync}`), against(`v1, batch=1, sync ${sync}`))
}
