/**
 * A process of its own that outlives a killed lab. Its stdin is a pipe that only the lab holds: when that closes without
 * `bye`, every process of the run is ended and its data folder removed. It runs in a session of its own, so a Ctrl-C
 * in the terminal does not reach it.
 *
 * `node watchdog.js <run id> <data folder> <log file>`; stdin, one a line: `bye`, or `{"pid":4711,"startTime":8123}`
 * for a process that is part of the run whatever its environment says, or `{"engine":{…}}`, where there may be containers of it.
 */
import { appendFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Endpoint } from './docker/endpoint.ts'
import { endProcesses } from './end-processes.ts'
import type { ProcessId } from './processes.ts'
import { removeRunFolder } from './run-folder.ts'
import { processesOfRun } from './run-mark.ts'

const [runId, folder, logPath] = process.argv.slice(2)
if (!runId || !folder || !logPath) throw new Error('usage: watchdog <run id> <data folder> <log file>')

for (const name of ['SIGINT', 'SIGHUP', 'SIGTERM', 'SIGQUIT'] as const) process.on(name, () => undefined)

const known: ProcessId[] = []
let engine: Endpoint | undefined
let dismissed = false
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'bye') {
    dismissed = true
    break
  }
  const told = JSON.parse(line) as ProcessId | { engine: Endpoint }
  if ('engine' in told) engine = told.engine
  else known.push(told)
}

if (!dismissed) {
  note(`the lab is gone; ending run ${runId}`)
  // Five seconds in which stores may end well, SIGKILL after that; all of it well inside 15 s.
  const [left, things] = await Promise.all([
    endProcesses(() => processesOfRun(runId, folder, known), { graceMs: 5_000, withinMs: 12_000, quietMs: 300 }),
    engine ? removeFrom(engine) : [],
  ])
  await removeRunFolder(folder).catch((error: unknown) => note(`${folder} could not be removed: ${String(error)}`))
  const resists = [...left.map(({ pid }) => `process ${pid}`), ...things]
  note(resists.length === 0 ? 'nothing is left of it' : `could not end ${resists.join(', ')}`)
}
process.exit(0)

/** What the dead lab had just asked for may still come to be: hence the quiet time. @returns what is left, in words */
async function removeFrom(endpoint: Endpoint): Promise<string[]> {
  try {
    const [{ dockerAt }, { removeAll, thingsOf }] = await Promise.all([import('./docker/engine.ts'), import('./docker/removal.ts')])
    const docker = dockerAt(endpoint)
    const left = await removeAll(docker, () => thingsOf(docker, runId), { withinMs: 12_000, quietMs: 1_500 })
    return left.map(({ kind, name }) => `${kind} ${name}`)
  } catch (error) {
    return [`what is on ${endpoint.url}: ${(error as Error).message}`]
  }
}

/** The results folder may be gone or the disk full: no reason to stop. */
function note(line: string): void {
  try {
    appendFileSync(logPath!, `${new Date().toISOString()} ${line}\n`)
  } catch {
    return
  }
}
