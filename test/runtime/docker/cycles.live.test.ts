import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import type { RunEvent } from '../../../src/run/events.ts'
import { thingsOf, type Thing } from '../../../src/runtime/docker/removal.ts'
import { processesOf, startLab, type LabProcess } from '../../cli/lab-process.ts'
import { LONG, startEngine, type TestEngine } from '../../docker/engine.ts'

const started = LONG ? await startEngine() : 'only in npm run test:docker'
const engine = typeof started === 'string' ? undefined : started
afterAll(() => engine?.[Symbol.asyncDispose]())

const CYCLES = Number(process.env.LAB_TEST_CYCLES ?? 10)
const LONGEST_LIFE_MS = 15_000
const WATCHDOG_MS = 15_000
/** What the lab was about to make when it died would have come to be by then. */
const AFTERWARDS_MS = 1_000

/** Moments of a run, as it tells of them; by turns with moments by chance. */
const PHASES: [string, (event: RunEvent) => boolean][] = [
  ['told to come up', (event) => event.type === 'stage' && event.stage === 'up'],
  ['first service started', (event) => event.type === 'service-started'],
  ['first service ready', (event) => event.type === 'service-ready'],
  ['about to load', (event) => event.type === 'stage' && event.stage === 'load'],
  ['under load', (event) => event.type === 'sample'],
  ['settling', (event) => event.type === 'stage' && event.stage === 'settle'],
  ['being taken down', (event) => event.type === 'stage' && event.stage === 'down'],
]

const COUNTED = ['container', 'network', 'volume', 'process', 'port'] as const
type Left = Record<(typeof COUNTED)[number], number>

/** Ports that the engine publishes for a run now. */
async function portsOf({ docker }: TestEngine, things: readonly Thing[]): Promise<number[]> {
  const containers = things.filter(({ kind }) => kind === 'container')
  const inspected = await Promise.all(containers.map(({ id }) => docker.getContainer(id).inspect().catch(() => undefined)))
  return inspected.flatMap((one) => Object.values(one?.NetworkSettings.Ports ?? {}).flatMap((bound) => (bound ?? []).map(({ HostPort }) => Number(HostPort))))
}

function isTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false)).once('close', () => socket.destroy())
    socket.once('connect', () => socket.destroy())
  })
}

async function leftOf({ docker }: TestEngine, runId: string, ports: readonly number[]): Promise<Left> {
  const [things, taken] = await Promise.all([thingsOf(docker, runId), Promise.all(ports.map(isTaken))])
  const of = (kind: string): number => things.filter((thing) => thing.kind === kind).length
  return { container: of('container'), network: of('network'), volume: of('volume'), process: processesOf(runId).length, port: taken.filter(Boolean).length }
}

const isNothing = (left: Left): boolean => COUNTED.every((kind) => left[kind] === 0)

/** Kills the lab in the moment, or when it has ended before. @returns how that moment is called */
async function killed(running: LabProcess, cycle: number): Promise<string> {
  const [phase, fits] = PHASES[Math.floor(cycle / 2) % PHASES.length]!
  const lifeMs = Math.round(Math.random() * LONGEST_LIFE_MS)
  if (cycle % 2 === 0) await running.until(fits).catch(() => undefined)
  else await Promise.race([sleep(lifeMs), running.exited])
  const stage = running.events.findLast((event) => event.type === 'stage')?.stage ?? 'nothing yet'
  running.child.kill('SIGKILL')
  return cycle % 2 === 0 ? phase : `after ${lifeMs} ms (${stage})`
}

describe.skipIf(!engine)(`labs of v2 with containers that are killed${typeof started === 'string' ? ` (skipped: ${started})` : ''}`, () => {
  test(`${CYCLES} times, in each phase and at random moments: nothing is left of any`, async () => {
    const results = mkdtempSync(join(tmpdir(), 'load-lab-test-'))
    const sum: Left = { container: 0, network: 0, volume: 0, process: 0, port: 0 }
    const goneMs: number[] = []
    try {
      for (let cycle = 0; cycle < CYCLES; cycle += 1) {
        const running = startLab(['run', 'spike', '--arch', 'v2', '--runtime', 'docker', '--json', '--rate', '50', '--duration', '3', '--subscribers', '2', '--results', results], engine!.env)
        const { runId } = (await running.until(({ type }) => type === 'run-started')) as Extract<RunEvent, { type: 'run-started' }>
        const moment = await killed(running, cycle)
        const ports = await portsOf(engine!, await thingsOf(engine!.docker, runId))
        await running.exited
        const beganMs = Date.now()
        let left = await leftOf(engine!, runId, ports)
        while (!isNothing(left) && Date.now() - beganMs < WATCHDOG_MS) {
          await sleep(50)
          left = await leftOf(engine!, runId, ports)
        }
        goneMs.push(Date.now() - beganMs)
        await sleep(AFTERWARDS_MS)
        left = await leftOf(engine!, runId, ports)
        for (const kind of COUNTED) sum[kind] += left[kind]
        console.log(`cycle ${cycle + 1}, killed ${moment}: nothing left after ${(goneMs.at(-1)! / 1_000).toFixed(1)} s, ${ports.length} ports`)
        expect(left, `cycle ${cycle + 1}, killed ${moment}`).toEqual({ container: 0, network: 0, volume: 0, process: 0, port: 0 })
      }
      expect(await thingsOf(engine!.docker)).toEqual([])
    } finally {
      const words = COUNTED.map((kind) => `${sum[kind]} × ${kind}`).join(', ')
      console.log(`${goneMs.length} cycles of v2, left: ${words}; gone at most ${(Math.max(0, ...goneMs) / 1_000).toFixed(1)} s after SIGKILL`)
      rmSync(results, { recursive: true, force: true })
    }
  }, CYCLES * 60_000)
})
