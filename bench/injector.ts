/**
 * The injector's benchmark: what it can send at the most beside other generators, and how punctual it is at 20,000/s.
 * The generator is pinned to core 0, the server to core 1. Prints Markdown. `node bench/injector.ts [rounds] [seconds]`
 */
import { execFile, spawn } from 'node:child_process'
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { CONSTANT_BODY } from './constant-body.ts'
import { connectInjector } from '../src/load/injector-client.ts'
import type { InjectorSnapshot, LedgerPatch, LoadPlan } from '../src/load/control.ts'
import { machineMeter } from '../src/measure/machine.ts'
import { percentileMs } from '../src/measure/histogram.ts'
import { entries, startControlled } from '../src/selftest/children.ts'
import { evidenceOf } from '../src/selftest/evidence.ts'
import { accountingChecks } from '../src/selftest/judge.ts'

const [rounds = 5, seconds = 5] = process.argv.slice(2).map(Number)
const CONNECTIONS = 64
const OPEN_LOOP = { rate: 20_000, seconds: 20, runs: 5 }
const GENERATOR = ['taskset', '-c', '0']
const SERVER = ['taskset', '-c', '1']

const run = promisify(execFile)
const here = (file: string) => fileURLToPath(new URL(file, import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'bench-injector-'))

interface Generator {
  name: string
  /** Answers per second against the server at `port`. */
  round(port: number): Promise<number>
}

const node = (file: string) => async (port: number) => {
  const [command, ...args] = [...GENERATOR, process.execPath, here(file), String(port), String(CONNECTIONS), String(seconds)]
  return Number((await run(command!, args)).stdout)
}

/** What others measure, where they are installed: constant body, 64 connections. */
function others(): Generator[] {
  const found: Generator[] = []
  const add = (name: string, args: (url: string) => string[], read: (out: string) => number) => {
    const file = onPath(name)
    if (!file) return
    const round = async (port: number) => {
      const [command, ...rest] = [...GENERATOR, file, ...args(`http://127.0.0.1:${port}/api/bench/order`)]
      return read((await run(command!, rest)).stdout)
    }
    found.push({ name, round })
  }
  const lua = join(folder, 'post.lua')
  writeFileSync(lua, `wrk.method = "POST"\nwrk.body = [[${CONSTANT_BODY}]]\nwrk.headers["Content-Type"] = "application/json"\n`)
  const wrkRate = (out: string) => Number(/Requests\/sec:\s+([\d.]+)/.exec(out)?.[1])
  add('wrk', (url) => ['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, '-s', lua, url], wrkRate)
  const ohaPost = ['-m', 'POST', '-T', 'application/json', '-d', CONSTANT_BODY]
  const ohaRate = (out: string) => (JSON.parse(out) as { summary: { requestsPerSec: number } }).summary.requestsPerSec
  add('oha', (url) => ['--no-tui', '--output-format', 'json', '-c', `${CONNECTIONS}`, '-z', `${seconds}s`, ...ohaPost, url], ohaRate)
  const script = join(folder, 'k6.js')
  writeFileSync(script, `import http from 'k6/http'
export const options = { vus: ${CONNECTIONS}, duration: '${seconds}s', discardResponseBodies: true, summaryTrendStats: ['p(99)'] }
export default () => { http.post(__ENV.URL, ${JSON.stringify(CONSTANT_BODY)}, { headers: { 'Content-Type': 'application/json' } }) }
export const handleSummary = (data) => ({ stdout: String(data.metrics.http_reqs.values.rate) })\n`)
  add('k6', (url) => ['run', '--quiet', '-e', `URL=${url}`, script], (out) => Number(out.trim().split('\n').at(-1)))
  return found
}

function onPath(name: string): string | undefined {
  return (process.env.PATH ?? '').split(delimiter).map((path) => join(path, name)).find((file) => {
    try {
      accessSync(file, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** nginx where it is installed, otherwise our own. */
async function startServer(): Promise<{ name: string; port: number } & AsyncDisposable> {
  const nginx = onPath('nginx')
  const port = nginx ? await freePort() : 0
  const conf = join(folder, 'nginx.conf')
  writeFileSync(conf, `daemon off; master_process off; worker_processes 1; error_log stderr crit; pid ${join(folder, 'nginx.pid')};
events { worker_connections 4096; }
http { access_log off; keepalive_requests 1000000000; client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder};
  uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
  server { listen 127.0.0.1:${port} backlog=4096; location / { default_type application/json; return 202 '{"ok":"true"}'; } } }`)
  const [command, ...args] = nginx ? [...SERVER, nginx, '-c', conf] : [...SERVER, process.execPath, here('fixed-server.ts')]
  const child = spawn(command!, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const listening = nginx
    ? new Promise<number>((resolve) => setTimeout(resolve, 500, port))
    : new Promise<number>((resolve) => createInterface(child.stdout).once('line', (line) => resolve(Number(line))))
  return {
    name: nginx ? 'nginx' : 'a minimal node:net server',
    port: await listening,
    async [Symbol.asyncDispose]() {
      const exited = new Promise((resolve) => child.once('exit', resolve))
      child.kill()
      await exited
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function peaks(port: number): Promise<void> {
  const generators: Generator[] = [
    { name: 'the injector: unique bodies, ledger, histograms', round: node('injector-peak.ts') },
    { name: 'autocannon, constant body', round: node('autocannon-peak.ts') },
    ...others(),
  ]
  const figures = new Map(generators.map(({ name }) => [name, [] as number[]]))
  const meter = machineMeter()
  for (let round = 0; round < rounds; round++) {
    // Alternating, each round from another one on, so that a slow minute hits all alike.
    for (const i of generators.keys()) {
      const { name, round: measure } = generators[(i + round) % generators.length]!
      const figure = await measure(port)
      figures.get(name)!.push(figure)
      process.stderr.write(`${name}: ${Math.round(figure)}/s\n`)
    }
  }
  const ours = median(figures.get(generators[0]!.name)!)
  row(`\n| ${CONNECTIONS} connections, ${rounds} × ${seconds} s`, 'median /s', 'lowest – highest', 'the injector ÷ it')
  row('| ---', '---:', '---:', '---:')
  for (const [name, all] of figures) {
    const spread = `${thousands(Math.min(...all))} – ${thousands(Math.max(...all))}`
    row(`| ${name}`, thousands(median(all)), spread, (ours / median(all)).toFixed(2))
  }
  console.log(`\nStolen CPU time meanwhile: ${(meter.read().stealShare * 100).toFixed(1)} %.`)
}

async function openLoopRuns(port: number): Promise<void> {
  const title = `\n| open loop, ${thousands(OPEN_LOOP.rate)}/s for ${OPEN_LOOP.seconds} s`
  row(title, 'send lag p50 ms', 'p99 ms', 'max ms', 'orders ok', 'accounting', 'injector CPU', 'stolen')
  row('| ---', ...Array<string>(7).fill('---:'))
  for (let i = 1; i <= OPEN_LOOP.runs; i++) {
    await using child = await startControlled(entries().injector, GENERATOR)
    await using injector = await connectInjector(child.target)
    const plan: LoadPlan = {
      baseUrl: `http://127.0.0.1:${port}`, path: '/api/bench', headers: {}, seed: i, runTag: i, injector: 0, startAtMs: Date.now() + 1_000,
      phases: [{ name: 'open', durationMs: OPEN_LOOP.seconds * 1000, shape: { kind: 'constant', rate: OPEN_LOOP.rate } }],
      customers: { commuter: 1 }, connections: 256, maxOpen: 100_000, timeoutMs: 10_000, retries: 0,
    }
    const snapshots: InjectorSnapshot[] = []
    const patches: LedgerPatch[] = []
    injector.onSnapshot((snapshot) => snapshots.push(snapshot))
    injector.onLedger((patch) => patches.push(patch))
    const meter = machineMeter()
    injector.start(plan)
    const { invalid } = await injector.done
    const { stealShare } = meter.read()
    const collecting = evidenceOf(plan)
    snapshots.forEach(collecting.snapshot)
    patches.forEach(collecting.ledger)
    const evidence = collecting.done(invalid)
    // The server keeps no log: the last check compares with an empty one, so it is left out.
    const adds = accountingChecks(evidence, []).slice(0, -1).every(({ ok }) => ok)
    const exact = adds && evidence.last.events.scheduled === OPEN_LOOP.rate * OPEN_LOOP.seconds
    const lag = (percentile: number) => percentileMs(evidence.sendLag, percentile).toFixed(2)
    const busy = snapshots.filter(({ series }) => series.some(({ sends }) => sends > 0))
    const cpu = busy.reduce((sum, { cpuShare }) => sum + cpuShare, 0) / busy.length
    const { ok, scheduled } = evidence.last.events
    const orders = `${thousands(ok)} of ${thousands(scheduled)}`
    row(`| run ${i}`, lag(50), lag(99), lag(100), orders, exact ? 'exact' : 'WRONG', percent(cpu), percent(stealShare))
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length / 2
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

function row(...cells: string[]): void {
  console.log(`${cells.join(' | ')} |`)
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}

function thousands(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

try {
  await using server = await startServer()
  console.log(`Generator on core 0, server (${server.name}) on core 1, Node ${process.version}.`)
  await peaks(server.port)
  await openLoopRuns(server.port)
} finally {
  rmSync(folder, { recursive: true })
}
