import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { plainEnvironment } from '../environment.ts'
import type { Java } from './java.ts'
import { classPathOf, LOGGING_TEXT, machineOptions } from './kafka-node.ts'
import { STARTED } from './kafka-ready.ts'
import { propertiesText } from './kafka-settings.ts'
import { reservePorts } from './ports.ts'
import { runProgram } from './program.ts'
import type { Installing } from './provider.ts'

/** A broker that is formatted, started and ended once, for what remains of it. */
export interface Trial {
  java: Java
  /** Folder of the broker's jars. */
  jars: string
  /** Folder for everything that does not remain. */
  work: string
  /** Where what formatting made is to be. */
  bootstrap: string
  /** Where the archive of its classes is to be; it is not there afterwards where this Java cannot make one. */
  archive: string
}

/** So long a broker may take to start and to end. */
const WITHIN_S = 90

export async function tryBroker(trial: Trial, io: Installing): Promise<void> {
  const { work, archive } = trial
  await using reserved = await reservePorts(['CLIENTS', 'CONTROLLER'])
  writeFileSync(join(work, 'server.properties'), propertiesText(settings(join(work, 'data'), reserved.ports)))
  writeFileSync(join(work, 'log4j2.properties'), LOGGING_TEXT)
  await format(trial, io)
  renameSync(join(work, 'data', 'bootstrap.checkpoint'), trial.bootstrap)
  writeFileSync(join(work, 'data', 'bootstrap.checkpoint'), readFileSync(trial.bootstrap))
  await makeArchive(trial, io).catch(() => {
    io.signal.throwIfAborted()
    // A Java that has no such archives starts brokers all the same.
    rmSync(archive, { force: true })
  })
}

function settings(data: string, { CLIENTS, CONTROLLER }: Record<string, number>): Record<string, string> {
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${CONTROLLER}`,
    'controller.listener.names': 'CONTROLLER',
    listeners: `PLAINTEXT://127.0.0.1:${CLIENTS},CONTROLLER://127.0.0.1:${CONTROLLER}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': data,
  }
}

async function format({ java, jars, work }: Trial, io: Installing): Promise<void> {
  const command = ['kafka.tools.StorageTool', 'format', '-t', 'AAAAAAAAAAAAAAAAAAAAAA', '-c', join(work, 'server.properties')]
  const run = { env: plainEnvironment(io.marks), cwd: work, signal: io.signal, timeoutMs: 1_000 * WITHIN_S }
  await runProgram(java.file, [...machineOptions({}), '-cp', classPathOf(jars), ...command], run)
}

/** What the broker has loaded when it ends is in the archive. */
async function makeArchive({ java, jars, work, archive }: Trial, io: Installing): Promise<void> {
  const path = join(work, 'log')
  const log = openSync(path, 'a')
  const options = [...machineOptions({}), `-XX:ArchiveClassesAtExit=${archive}`, `-Dlog4j2.configurationFile=${join(work, 'log4j2.properties')}`]
  const broker = [java.file, ...options, '-cp', classPathOf(jars), 'kafka.Kafka', join(work, 'server.properties')]
  // Should the lab be killed meanwhile, nobody else would end it.
  const child = spawn('timeout', [`${WITHIN_S}`, ...broker], { env: plainEnvironment(io.marks), cwd: work, detached: true, stdio: ['ignore', log, log] })
  closeSync(log)
  await once(child, 'spawn')
  const ended = once(child, 'exit')
  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null
  try {
    while (!STARTED.test(readFileSync(path, 'utf8'))) {
      if (isOver()) throw new Error(readFileSync(path, 'utf8'))
      await sleep(50, undefined, { signal: io.signal })
    }
    child.kill('SIGTERM')
    while (!isOver()) await sleep(50, undefined, { signal: io.signal })
    if (!existsSync(archive)) throw new Error(readFileSync(path, 'utf8'))
  } finally {
    if (!isOver()) process.kill(-child.pid!, 'SIGKILL')
    await ended
  }
}
