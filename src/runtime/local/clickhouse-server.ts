/**
 * ClickHouse as a process of its own: `node dist/clickhouse.js <libchdb.so> <ffi.node> <config.xml>`, with CLICKHOUSE_HOST, _PORT, _USER,
 * _PASSWORD and _DB in the environment. The library is told to be clickhouse-local, to listen for HTTP as the server does, and then to sleep:
 * what answers is the engine's own HTTP interface. On SIGTERM it lets statements end, and goes.
 */
import { Agent, request } from 'node:http'
import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import { serveClickhouseMetrics } from './clickhouse-metrics.ts'

/** What is used of the foreign-function interface. Strings in an array are an array type of its own. */
interface Caller {
  open(library: { library: string; path: string }): void
  load(call: {
    library: string
    funcName: string
    retType: number
    paramsType: unknown[]
    paramsValue: unknown[]
    runInNewThread?: boolean
    freeResultMemory: false
  }): unknown
  DataType: { I32: number; I64: number; String: number; StringArray: number; Void: number }
  FFITypeTag: { Array: string }
}

const READY_POLL_MS = 20
const ASK_WITHIN_MS = 5_000
/** So long statements may go on after SIGTERM. */
const FINISH_WITHIN_MS = 3_000
const STATEMENTS_RUNNING = "SELECT count() FROM system.processes WHERE interface = 2 AND query NOT LIKE '%system.processes%'"

const [library = '', callerPath = '', config = ''] = process.argv.slice(2)
const { CLICKHOUSE_HOST: host = '127.0.0.1', CLICKHOUSE_PORT: port = '', CLICKHOUSE_USER: user = '', CLICKHOUSE_PASSWORD: password = '', CLICKHOUSE_DB: database = '' } = process.env
const caller = createRequire(import.meta.url)(callerPath) as Caller
const agent = new Agent({ keepAlive: true })
const log = (line: string): void => void process.stdout.write(`${new Date().toISOString()} clickhouse ${line}\n`)

/** Through its own front door. Rejects when it is away or refuses. */
function ask(statement: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'X-ClickHouse-User': user, 'X-ClickHouse-Key': password }
    const asking = request({ host, port, method: 'POST', path: '/', agent, headers, timeout: ASK_WITHIN_MS }, (reply) => {
      const chunks: Buffer[] = []
      reply.on('data', (chunk: Buffer) => chunks.push(chunk))
      reply.on('error', reject)
      reply.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        if (reply.statusCode === 200) resolve(text)
        else reject(new Error(text.slice(0, 1_000)))
      })
    })
    asking.on('timeout', () => asking.destroy(new Error(`no answer within ${ASK_WITHIN_MS} ms`)))
    asking.on('error', reject)
    asking.end(statement)
  })
}

/** Resolves with what it says when it ends, which is never as long as all is well. */
async function runEngine(): Promise<string> {
  const { DataType, FFITypeTag } = caller
  caller.open({ library: 'clickhouse', path: library })
  const statements = [
    ...(database === '' ? [] : [`CREATE DATABASE IF NOT EXISTS ${database}`]),
    'SYSTEM START LISTEN HTTP',
    'SELECT sleepEachRow(1) FROM system.numbers FORMAT Null SETTINGS function_sleep_max_microseconds_per_block = 0, max_block_size = 1, max_threads = 1',
  ]
  const args = ['clickhouse', `--config-file=${config}`, '--log-level=warning', '--query', statements.join('; ')]
  const result = await caller.load({
    library: 'clickhouse', funcName: 'chdb_query_cmdline', retType: DataType.I64, freeResultMemory: false, runInNewThread: true,
    paramsType: [DataType.I32, { ffiTypeTag: FFITypeTag.Array, type: DataType.StringArray, length: args.length }],
    paramsValue: [args.length, args],
  })
  if (result === 0) return 'it ended without a word'
  return String(caller.load({ library: 'clickhouse', funcName: 'chdb_result_error', retType: DataType.String, freeResultMemory: false, paramsType: [DataType.I64], paramsValue: [result] }))
}

async function announce(): Promise<void> {
  for (;;) {
    const version = await ask('SELECT version()').catch(() => undefined)
    if (version === undefined) {
      await sleep(READY_POLL_MS)
      continue
    }
    log(`ClickHouse ${version.trim()}`)
    const metrics = await serveClickhouseMetrics(ask)
    log(`metrics on port ${metrics.port}`)
    log('ready')
    return
  }
}

/** The engine's own way out takes 4 s and ends in a segmentation fault. What it has acknowledged it keeps whatever the way, so none is needed. */
async function stop(): Promise<void> {
  const deadlineMs = performance.now() + FINISH_WITHIN_MS
  try {
    while (performance.now() < deadlineMs && Number(await ask(STATEMENTS_RUNNING)) > 0) await sleep(READY_POLL_MS)
    // Not before: it breaks the connections it has.
    await ask('SYSTEM STOP LISTEN HTTP')
  } catch {
    // It does not answer any more: then nobody waits for an answer either.
  }
  log('stopped')
  caller.open({ library: 'libc', path: 'libc.so.6' })
  caller.load({ library: 'libc', funcName: '_exit', retType: caller.DataType.Void, freeResultMemory: false, paramsType: [caller.DataType.I32], paramsValue: [0] })
}

process.once('SIGTERM', () => void stop())
process.once('SIGINT', () => void stop())
void announce()
log(`cannot go on: ${await runEngine().catch(String)}`)
process.exit(1)
