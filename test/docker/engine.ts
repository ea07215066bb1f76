import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import Docker from 'dockerode'
import { cacheDir, lock } from '../../src/runtime/cache.ts'
import { onPath } from '../../src/runtime/local/program.ts'

/**
 * A Docker engine of the tests' own: its images, its socket, nothing on the machine's usual one. It is started by hand, which needs
 * root and Docker's package, and ended by its process id; its images stay in the cache.
 */
export interface TestEngine extends AsyncDisposable {
  docker: Docker
  socket: string
  /** What makes the lab use it, with stand-ins for the public images. */
  env: Record<string, string>
}

const STARTS_WITHIN_MS = 60_000
const STOPS_WITHIN_MS = 30_000
const BUILD_WITHIN_MS = 900_000
const BUILD = fileURLToPath(new URL('../images/build.sh', import.meta.url))

/** For one test: ten seconds here are a minute on a machine with much else to do. */
export const PATIENCE_MS = 240_000

/** All that is tested in containers, of which `npm test` takes a part: `npm run test:docker`. */
export const LONG = process.env.LAB_TEST_LONG === '1'

/** Those of test/images/build.sh. */
export const STAND_INS = {
  LAB_BASE_IMAGE: 'load-lab-test/node:24',
  LAB_POSTGRES_IMAGE: 'load-lab-test/postgres:15',
  LAB_REDIS_IMAGE: 'load-lab-test/redis:7',
  LAB_RABBITMQ_IMAGE: 'load-lab-test/rabbitmq:3.10',
  LAB_KAFKA_IMAGE: 'load-lab-test/kafka:4.3.1',
  LAB_FLINK_BASE_IMAGE: 'load-lab-test/flink:2.0.0-java17',
  LAB_CLICKHOUSE_IMAGE: 'load-lab-test/clickhouse:26.7',
  // The engine of the tests has no bridge of its own.
  LAB_BUILD_NETWORK: 'host',
}

/** Stand-ins that every test has. */
const USUAL = ['node', 'redis', 'postgres', 'rabbitmq'] as const
/** These take Java, Maven, and a gigabyte of disk: only what is long has them. */
export const LARGE = LONG ? (['kafka', 'flink', 'clickhouse'] as const) : []

/** `LAB_TEST_ENGINE`, else in the cache. */
const folder = process.env.LAB_TEST_ENGINE ?? join(cacheDir(), 'test-engine')

/** Starts it. @param words further ones for dockerd; @param more stand-ins beside the usual ones; @returns the reason in words where it cannot be */
export async function startEngine(words: readonly string[] = [], more: readonly string[] = []): Promise<TestEngine | string> {
  if (process.getuid?.() !== 0) return 'only root can start a Docker engine'
  if (onPath('dockerd') === undefined) return 'there is no dockerd (Debian: apt-get install docker.io iptables)'
  mkdirSync(folder, { recursive: true })
  const mine = await lock(join(folder, 'lock'), AbortSignal.timeout(STOPS_WITHIN_MS))
  try {
    await stopLast(folder)
    const socket = join(folder, 'docker.sock')
    const docker = new Docker({ socketPath: socket })
    const failed = await startDockerd(docker, folder, words)
    if (failed !== undefined) return failed
    const env = { DOCKER_HOST: `unix://${socket}`, ...STAND_INS }
    const missing = await buildStandIns(env, [...USUAL, ...more])
    if (missing !== undefined) {
      await stopLast(folder)
      return missing
    }
    return {
      docker,
      socket,
      env,
      async [Symbol.asyncDispose]() {
        await stopLast(folder)
        await mine[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    await mine[Symbol.asyncDispose]()
    throw error
  }
}

/** In a folder of its own. @returns the reason in words where it cannot be */
export async function startDockerd(docker: Docker, folder: string, more: readonly string[] = []): Promise<string | undefined> {
  const logPath = join(folder, 'dockerd.log')
  rmSync(logPath, { force: true })
  const log = openSync(logPath, 'a')
  const words = ['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec'), '--pidfile', pidFile(folder), '-H', `unix://${join(folder, 'docker.sock')}`, '--bridge', 'none', ...more]
  const dockerd = spawn('dockerd', words, { detached: true, stdio: ['ignore', log, log] })
  const over = once(dockerd, 'exit').then(() => true)
  const untilMs = Date.now() + STARTS_WITHIN_MS
  while (Date.now() < untilMs) {
    if (await docker.ping().then(() => true, () => false)) return undefined
    if (await Promise.race([over, sleep(100, false)])) break
  }
  await stopLast(folder)
  return `dockerd does not start here: ${readFileSync(logPath, 'utf8').trim().split('\n').slice(-2).join(' ')}`
}

async function buildStandIns(env: Record<string, string>, names: readonly string[]): Promise<string | undefined> {
  try {
    await promisify(execFile)(BUILD, names, { env: { ...process.env, ...env }, timeout: BUILD_WITHIN_MS })
    return undefined
  } catch (error) {
    return `the stand-ins for images cannot be built: ${String((error as { stderr?: string }).stderr || error).trim().split('\n').slice(-2).join(' ')}`
  }
}

const pidFile = (folder: string): string => join(folder, 'docker.pid')

/** Ends the engine that this folder's file names, if it is one and lives. */
export async function stopLast(folder: string): Promise<void> {
  const pid = existsSync(pidFile(folder)) ? Number(readFileSync(pidFile(folder), 'utf8')) : 0
  const alive = (): boolean => pid > 0 && existsSync(`/proc/${pid}/cmdline`) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder)
  if (!alive()) return
  process.kill(pid, 'SIGTERM')
  const untilMs = Date.now() + STOPS_WITHIN_MS
  while (alive() && Date.now() < untilMs) await sleep(50)
  if (alive()) process.kill(pid, 'SIGKILL')
}
