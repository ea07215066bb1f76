import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { launchOf, layOut, type FlinkNode } from './flink-node.ts'
import { FLINK_ROLES, localSettings, type FlinkRole } from './flink-settings.ts'
import type { Java } from './java.ts'
import { reservePorts } from './ports.ts'
import type { Installing } from './provider.ts'

/** So long the cluster may take for all of it. */
const WITHIN_MS = 180_000

/** Loads what a job of the system loads: the planner, the state backend, both connectors' formats, a job on the TaskManager. */
const STATEMENTS = [
  `CREATE TABLE source (id STRING, amount BIGINT, ts AS CURRENT_TIMESTAMP, arrived AS PROCTIME()) WITH ('connector' = 'datagen', 'number-of-rows' = '1000')`,
  `CREATE TABLE sink (amount BIGINT, total BIGINT) WITH ('connector' = 'blackhole')`,
  `CREATE TABLE kafka (id STRING, amount BIGINT, ts TIMESTAMP_LTZ(3), arrived AS PROCTIME(), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND) WITH ('connector' = 'kafka', 'topic' = 'trial', 'properties.bootstrap.servers' = '127.0.0.1:1', 'scan.startup.mode' = 'earliest-offset', 'format' = 'json')`,
  `CREATE TABLE upserts (amount BIGINT, total BIGINT, PRIMARY KEY (amount) NOT ENFORCED) WITH ('connector' = 'upsert-kafka', 'topic' = 'trial', 'properties.bootstrap.servers' = '127.0.0.1:1', 'key.format' = 'json', 'value.format' = 'json')`,
  `CREATE TABLE rows_of_it (id STRING, amount BIGINT, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'jdbc', 'url' = 'jdbc:postgresql://127.0.0.1:1/trial', 'table-name' = 'trial')`,
  `CREATE VIEW firsts AS SELECT id, amount, ts FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY id ORDER BY arrived) AS copy FROM kafka) WHERE copy = 1`,
  `EXPLAIN STATEMENT SET BEGIN INSERT INTO rows_of_it SELECT id, amount FROM firsts; INSERT INTO upserts SELECT amount, COUNT(*) FROM firsts GROUP BY amount; INSERT INTO upserts SELECT UNIX_TIMESTAMP(CAST(window_start AS STRING)), COUNT(*) FROM TABLE(TUMBLE(TABLE firsts, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY window_start, window_end; END`,
  `INSERT INTO sink SELECT amount, COUNT(*) FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY id ORDER BY arrived) AS copy FROM source) WHERE copy = 1 GROUP BY amount`,
]

/** Starts a cluster in `work`, has it do what it will have to do, and ends it: what each process has loaded by then goes into its archive. @throws when anything goes otherwise */
export async function tryCluster(java: Java, jars: string, work: string, archiveOf: (role: FlinkRole) => string, io: Installing): Promise<void> {
  await using reserved = await reservePorts(['REST', 'RPC', 'BLOB', 'GATEWAY'])
  const { REST, RPC, BLOB, GATEWAY } = reserved.ports
  const given = new Map(Object.entries({
    'jobmanager.rpc.address': '127.0.0.1', 'jobmanager.rpc.port': String(RPC), 'blob.server.port': String(BLOB), 'rest.address': '127.0.0.1', 'rest.port': String(REST),
    'sql-gateway.endpoint.rest.address': '127.0.0.1', 'sql-gateway.endpoint.rest.port': String(GATEWAY),
    'taskmanager.memory.framework.heap.size': '64m', 'taskmanager.memory.task.heap.size': '192m', 'taskmanager.memory.framework.off-heap.size': '64m', 'taskmanager.memory.task.off-heap.size': '0m',
    'taskmanager.memory.network.min': '32m', 'taskmanager.memory.network.max': '32m', 'taskmanager.memory.managed.size': '64m', 'state.backend.type': 'rocksdb',
    'execution.checkpointing.interval': '500', 'execution.checkpointing.dir': `file://${join(work, 'checkpoints')}`,
  }))
  const signal = AbortSignal.any([io.signal, AbortSignal.timeout(WITHIN_MS)])
  const children = FLINK_ROLES.map((role) => start(role, given))
  try {
    const over = Promise.race(children.map(async (child) => {
      await once(child, 'exit')
      throw new Error('a process of the trial ended before its time')
    }))
    await Promise.race([exercise(`http://127.0.0.1:${REST}`, `http://127.0.0.1:${GATEWAY}`, signal), over])
    const ended = children.map((child) => once(child, 'exit'))
    over.catch(() => undefined)
    for (const child of children) child.kill('SIGTERM')
    await Promise.race([Promise.all(ended), sleep(WITHIN_MS, undefined, { signal, ref: false })])
    const missing = FLINK_ROLES.filter((role) => !existsSync(archiveOf(role)))
    if (missing.length > 0) throw new Error(`no archive of ${missing.join(', ')}`)
  } finally {
    for (const child of children) if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid!, 'SIGKILL')
  }

  function start(role: FlinkRole, settings: Map<string, string>): ChildProcess {
    const folder = join(work, role)
    const node: FlinkNode = { role, folder, settings: localSettings(role, settings, { name: role }, folder), options: ['-XX:+UseSerialGC', '-Xmx300m', `-XX:ArchiveClassesAtExit=${archiveOf(role)}`], args: [] }
    layOut(node)
    const { file, args, env, cwd } = launchOf(node, java, { jars, archives: {} })
    const log = openSync(join(work, `${role}.log`), 'a')
    try {
      // Nobody watches over a setup: should it be killed itself, these end all the same. `timeout` hands signals on.
      return spawn('timeout', [String(WITHIN_MS / 1_000), file, ...args], { env: { ...env, ...io.marks }, cwd, detached: true, stdio: ['ignore', log, log] })
    } finally {
      closeSync(log)
    }
  }
}

async function exercise(rest: string, gateway: string, signal: AbortSignal): Promise<void> {
  const ask = async (url: string, body?: object): Promise<Record<string, unknown>> => {
    const reply = await fetch(url, { signal, ...(body && { method: 'POST', body: JSON.stringify(body) }) })
    if (!reply.ok) throw new Error(`${url}: ${reply.status} ${await reply.text()}`)
    return (await reply.json()) as Record<string, unknown>
  }
  const until = async (url: string, isThere: (answer: Record<string, unknown>) => boolean): Promise<Record<string, unknown>> => {
    for (;;) {
      const answer = await ask(url).catch(() => undefined)
      signal.throwIfAborted()
      if (answer && isThere(answer)) return answer
      await sleep(100, undefined, { signal })
    }
  }
  await until(`${rest}/overview`, ({ taskmanagers }) => taskmanagers === 1)
  await until(`${gateway}/v1/info`, () => true)
  const { sessionHandle } = await ask(`${gateway}/v1/sessions`, {})
  for (const statement of STATEMENTS) {
    const { operationHandle } = await ask(`${gateway}/v1/sessions/${String(sessionHandle)}/statements`, { statement })
    const { status } = await until(`${gateway}/v1/sessions/${String(sessionHandle)}/operations/${String(operationHandle)}/status`, (answer) => !['RUNNING', 'PENDING', 'INITIALIZED'].includes(String(answer.status)))
    if (status !== 'FINISHED') throw new Error(`${statement.slice(0, 40)} …: ${String(status)}`)
  }
  await until(`${rest}/jobs/overview`, ({ jobs }) => (jobs as { state: string }[]).some(({ state }) => state === 'FINISHED'))
}
