import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createDocker } from '../../../src/runtime/docker/docker.ts'
import { connectEngine } from '../../../src/runtime/docker/engine.ts'
import { thingsOf, type Thing } from '../../../src/runtime/docker/removal.ts'
import type { RunEvent } from '../../../src/run/events.ts'
import type { RunFile } from '../../../src/run/folder.ts'
import { listProcesses } from '../../../src/runtime/processes.ts'
import { gone, lab, startLab, type LabProcess } from '../../cli/lab-process.ts'
import { LONG, PATIENCE_MS, startEngine } from '../../docker/engine.ts'

const started = await startEngine()
const engine = typeof started === 'string' ? undefined : started
const why = typeof started === 'string' ? ` (skipped: ${started})` : ''
afterAll(() => engine?.[Symbol.asyncDispose]())
if (engine) Object.assign(process.env, engine.env)

const LATER = LONG ? '' : ' (skipped: only in npm run test:docker)'
const TEARDOWN_MS = 20_000
const WATCHDOG_MS = 15_000

let results: string
const closing: (() => unknown)[] = []
beforeEach(() => {
  results = mkdtempSync(join(tmpdir(), 'load-lab-test-'))
})
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
  rmSync(results, { recursive: true, force: true })
})

const inDocker = (arch = 'v0', env: NodeJS.ProcessEnv = {}, ...more: string[]): LabProcess =>
  startLab(['run', 'spike', '--arch', arch, '--runtime', 'docker', '--json', '--rate', '50', '--duration', '6', '--subscribers', '2', '--results', results, ...more], { ...engine!.env, ...env })

const namesOn = (things: readonly Thing[]): string[] => things.map(({ kind, name }) => `${kind} ${name}`)
const left = async (): Promise<string[]> => namesOn(await thingsOf(engine!.docker))

async function runIdOf(running: LabProcess): Promise<string> {
  const event = await running.until(({ type }) => type === 'run-started')
  return (event as Extract<RunEvent, { type: 'run-started' }>).runId
}

/** Resolves with how long it took until the engine has nothing of any run. */
async function nothingLeft(withinMs: number): Promise<number> {
  const began = Date.now()
  while ((await left()).length > 0) {
    if (Date.now() - began > withinMs) throw new Error(`still there after ${withinMs} ms: ${(await left()).join(', ')}`)
  }
  return Date.now() - began
}

/** A base of its own, so that the lab's image is not there yet. */
async function anotherBase(): Promise<Record<string, string>> {
  const { docker, env } = engine!
  const base = `load-lab-test/base:${randomBytes(4).toString('hex')}`
  const container = await docker.createContainer({ Image: env.LAB_BASE_IMAGE!, Cmd: ['true'] })
  await container.commit({ repo: base.split(':')[0]!, tag: base.split(':')[1]! })
  await container.remove()
  closing.push(() => docker.getImage(base).remove({ force: true }))
  return { LAB_BASE_IMAGE: base }
}

/** A registry that takes requests and never answers. */
async function silentRegistry(): Promise<{ server: Server; image: string; asked: Promise<void> }> {
  const asked = Promise.withResolvers<void>()
  const server = createServer(() => asked.resolve())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return { server, image: `127.0.0.1:${(server.address() as AddressInfo).port}/redis:8`, asked: asked.promise }
}

describe.skipIf(!engine)(`Ctrl-C of a run in containers${why}`, { timeout: PATIENCE_MS }, () => {
  async function endsInOrder(running: LabProcess): Promise<void> {
    const runId = await runIdOf(running)
    const atMs = Date.now()
    running.child.kill('SIGINT')
    expect((await running.exited).code).toBe(130)
    expect(Date.now() - atMs).toBeLessThan(TEARDOWN_MS)
    expect(await left(), 'gone when the lab is').toEqual([])
    await gone(runId, 1_000)
    expect((JSON.parse(readFileSync(join(results, readdirSync(results)[0]!, 'run.json'), 'utf8')) as RunFile).status).toBe('aborted')
  }

  test('while an image is pulled', async () => {
    const { image, asked } = await silentRegistry()
    const running = inDocker('v0', { LAB_REDIS_IMAGE: image })
    await asked
    await endsInOrder(running)
  })

  test('while the image of the lab is built', async () => {
    const containers = async () => (await engine!.docker.listContainers({ all: true })).map(({ Id }) => Id).sort()
    const base = await anotherBase()
    const before = await containers()
    const running = inDocker('null', base)
    await running.until((event) => event.type === 'fetch' && event.what.includes('built on'))
    await endsInOrder(running)
    expect(await containers(), 'nor what the build ran in').toEqual(before)
  })

  test('while services start', async () => {
    const running = inDocker()
    await running.until((event) => event.type === 'service-started')
    await endsInOrder(running)
  })

  test.skipIf(!LONG)(`in the middle of the load${LATER}`, async () => {
    const running = inDocker('null')
    await running.until((event) => event.type === 'sample' && event.second > 1)
    await endsInOrder(running)
  })

  test.skipIf(!LONG)(`twice, while it is torn down: the watchdog removes the rest${LATER}`, async () => {
    const running = inDocker('v0')
    const runId = await runIdOf(running)
    await running.until((event) => event.type === 'sample')
    running.child.kill('SIGINT')
    await new Promise((resolve) => setTimeout(resolve, 300))
    running.child.kill('SIGINT')
    expect((await running.exited).code).toBe(130)
    await nothingLeft(WATCHDOG_MS)
    await gone(runId, WATCHDOG_MS)
  })
})

describe.skipIf(!engine)(`SIGKILL of a lab with containers${why}`, { timeout: PATIENCE_MS }, () => {
  const moments: [string, (event: RunEvent) => boolean][] = [
    ['while they are made', (event) => event.type === 'stage' && event.stage === 'up'],
    ['while they start', (event) => event.type === 'service-started'],
    ['under load', (event) => event.type === 'sample'],
  ]
  test.each(LONG ? moments : moments.slice(0, 2))('%s: nothing is left within 15 s', async (_, at) => {
    const running = inDocker('v0')
    await running.until(at)
    running.child.kill('SIGKILL')
    await running.exited
    expect(await nothingLeft(WATCHDOG_MS)).toBeLessThan(WATCHDOG_MS)
    // What was being made when the lab died has not come to be afterwards.
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    expect(await left()).toEqual([])
  })
})

describe.skipIf(!engine)(`two labs on one engine${why}`, { timeout: PATIENCE_MS }, () => {
  test('do not touch each other; lab clean removes what is of the dead one, and says so', async () => {
    const [dying, living] = [inDocker('null'), inDocker('null', {}, '--duration', '30')]
    const [deadId, livingId] = await Promise.all([runIdOf(dying), runIdOf(living)])
    await Promise.all([dying, living].map((one) => one.until((event) => event.type === 'sample')))
    const watchdog = listProcesses().find(({ pid }) => readCommand(pid).includes(deadId) && readCommand(pid).some((word) => word.endsWith('watchdog.js')))!
    process.kill(watchdog.pid, 'SIGKILL')
    dying.child.kill('SIGKILL')
    await dying.exited
    const before = await left()
    expect(before.some((name) => name.includes(deadId))).toBe(true)

    await engine!.docker.createVolume({ Name: 'of-somebody', Labels: { 'load-lab.run': 'elsewhere', 'load-lab.host': 'other/x', 'load-lab.owner': '1:1' } })
    closing.push(() => engine!.docker.getVolume('of-somebody').remove())
    const dry = await lab(['clean', '--dry-run'], engine!.env)
    expect(dry.stdout).toMatch(new RegExp(`would remove of run ${deadId} on unix://.*container load-lab-${deadId}-api-1.*network load-lab-${deadId}`))
    expect(await left()).toEqual(expect.arrayContaining(before))

    const { code, stdout, stderr } = await lab(['clean'], engine!.env)
    expect(code).toBe(0)
    expect(stdout).toMatch(new RegExp(`^removed of run ${deadId} on unix://`, 'm'))
    expect(stdout).not.toContain(livingId)
    expect(stderr).toMatch(/left alone of run elsewhere .*volume of-somebody; only on other/)
    expect((await left()).filter((name) => name.includes(deadId))).toEqual([])
    expect(await left()).toEqual(expect.arrayContaining([expect.stringContaining(`${livingId}-api-1`), 'volume of-somebody']))
    const seen = living.events.length
    await living.until((event) => event.type === 'sample' && living.events.indexOf(event) > seen)
    living.child.kill('SIGINT')
    expect((await living.exited).code).toBe(130)
  })
})

function readCommand(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  } catch {
    return []
  }
}

describe.skipIf(!engine)(`what cannot be in containers${why}`, { timeout: PATIENCE_MS }, () => {
  test('an image that is nowhere: named, exit code 3, nothing left', async () => {
    const { code, stderr } = await lab(['up', '--arch', 'v0', '--runtime', 'docker', '--port', '18616'], { ...engine!.env, LAB_REDIS_IMAGE: '127.0.0.1:1/nobody/redis:8' })
    expect(stderr).toMatch(/image 127\.0\.0\.1:1\/nobody\/redis:8 is not there and cannot be pulled.*\n.*--runtime local/)
    expect(code).toBe(3)
    expect(await left()).toEqual([])
  })

  test('a service that dies at once: named, with its last lines', async () => {
    const compose = join(results, 'sick.yaml')
    writeFileSync(compose, 'services:\n  redis:\n    command: ["redis-server", "--no-such-option", "yes"]\n')
    const running = inDocker('v0', {}, '--compose', compose)
    expect((await running.exited).code).toBe(4)
    expect(running.events.at(-1)).toMatchObject({ type: 'run-ended', why: expect.stringMatching(/redis died by itself \(exit code 1\); the end of its log:[^]*no-such-option/) as string })
    expect(await left()).toEqual([])
  })

  test('a service that never gets healthy: named, with its last lines', async () => {
    const compose = join(results, 'deaf.yaml')
    writeFileSync(compose, 'services:\n  redis:\n    command: ["redis-server", "--port", "7777"]\n')
    const runtime = createDocker(await connectEngine({ url: engine!.env.DOCKER_HOST!, from: 'the test', transport: { kind: 'unix', path: engine!.socket } }, new AbortController().signal), { readyWithinMs: 3_000 })
    const files = ['base.yaml', 'v0.yaml'].map((name) => fileURLToPath(new URL(`../../../compose/${name}`, import.meta.url)))
    const up = runtime.up({ runId: `test-${process.pid}`, files: [...files, compose], env: { ...engine!.env }, logDir: join(results, 'logs'), signal: new AbortController().signal, on: () => undefined })
    await expect(up).rejects.toThrow(/service redis was not ready within 3 s; its last lines:\n[^]*Ready to accept connections/)
    expect(await left()).toEqual([])
  })

  test('a key that containers of the lab do not have: exit code 2', async () => {
    const compose = join(results, 'odd.yaml')
    writeFileSync(compose, 'services:\n  redis:\n    networks: { own: {} }\n')
    const running = inDocker('v0', {}, '--compose', compose)
    expect((await running.exited).code).toBe(2)
    expect(running.events.at(-1)).toMatchObject({ why: expect.stringMatching(/services\.redis\.networks: --runtime docker does not support this key/) as string })
  })

  test('a taken port: exit code 3', async () => {
    const first = await lab(['up', '--arch', 'null', '--runtime', 'docker', '--port', '18617'], engine!.env)
    expect(first.stderr).not.toMatch(/lab:/)
    try {
      expect((await fetch('http://127.0.0.1:18617/readyz')).status).toBe(200)
      const { code, stderr } = await lab(['up', '--arch', 'v0', '--runtime', 'docker', '--port', '18617'], engine!.env)
      expect(stderr).toMatch(/port 18617/)
      expect(code).toBe(3)
    } finally {
      await lab(['down', '--arch', 'null'])
    }
    expect(await left()).toEqual([])
  })

  test('no image, and nothing asked for: plain processes, said in one line', async () => {
    const running = startLab(['run', 'spike', '--arch', 'null', '--rate', '50', '--duration', '1', '--subscribers', '0', '--json', '--results', results], { ...engine!.env, LAB_RUNTIME: '', LAB_BASE_IMAGE: '127.0.0.1:1/none:1' })
    expect(await running.until((event) => event.type === 'run-started')).toMatchObject({ runtime: 'local' })
    expect(running.stderr()).toMatch(/^lab: running locally: the Docker engine at unix:.* has no 127\.0\.0\.1:1\/none:1, and cannot pull it\n/)
    running.child.kill('SIGINT')
    await running.exited
  })
})
