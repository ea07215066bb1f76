import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isAlive, type ProcessId } from '../../src/runtime/processes.ts'
import { gone, lab, processesOf, startLab } from './lab-process.ts'
import { scenarios } from '../../src/scenarios/index.ts'
import { ARCHITECTURE_IDS } from '../../src/system/architectures/index.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'load-lab-test-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('lab up and down', () => {
  test('a system to try by hand, until it is taken down', async () => {
    const up = await lab(['up', '--arch', 'null', '--port', '18616', '--json'])
    expect(up.code, up.stderr).toBe(0)
    const { url, runId, keeper } = JSON.parse(up.stdout) as { url: string; runId: string; keeper: ProcessId }
    try {
      expect(url).toBe('http://127.0.0.1:18616')
      const id = '0190a0a0-0000-7000-8000-000000000001'
      const order = { id, type: 'order_placed', store: 'store-01', product: 'latte', amount: 4.5, timestamp: new Date().toISOString() }
      const accepted = await fetch(`${url}/api/null/order`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(order) })
      expect([accepted.status, await accepted.json()]).toEqual([201, { id }])
      expect(await (await fetch(`${url}/api/dashboard`)).json()).toMatchObject({ count: 1, revenueCents: 450 })
      expect(await (await fetch(`${url}/`)).text()).toContain('<html')
      expect((await lab(['up', '--arch', 'null', '--port', '18617'])).stderr).toMatch(/null is up already, at http:\/\/127.0.0.1:18616/)
    } finally {
      expect((await lab(['down', '--arch', 'null'])).stdout).toBe('null is down\n')
    }
    expect(processesOf(runId)).toEqual([])
    expect(isAlive(keeper)).toBe(false)
    await expect(fetch(url)).rejects.toThrow()
    expect((await lab(['down', '--arch', 'null'])).code).toBe(2)
  })

  test('a keeper that is killed takes its system with it', async () => {
    const up = await lab(['up', '--arch', 'null', '--port', '18618', '--json'])
    const { runId, keeper } = JSON.parse(up.stdout) as { runId: string; keeper: { pid: number } }
    process.kill(keeper.pid, 'SIGKILL')
    await gone(runId, 15_000)
    expect((await lab(['down'])).stderr).toContain('nothing is up')
  })
})

describe('lab watch', () => {
  test('tells a run that goes on elsewhere from its folder, and ends with it', async () => {
    const results = join(folder, 'watched')
    const running = startLab(['run', 'spike', '--arch', 'null', '--json', '--rate', '30', '--duration', '6', '--subscribers', '1', '--results', results])
    await running.until((event) => event.type === 'sample')
    const watching = startLab(['watch', 'latest', '--json', '--results', results])
    await running.exited
    expect((await watching.exited).code).toBe(0)
    expect(watching.events).toEqual(running.events)
  })

  test('a run whose lab was killed does not keep the watcher waiting', async () => {
    const results = join(folder, 'killed')
    const running = startLab(['run', 'spike', '--arch', 'null', '--json', '--rate', '30', '--results', results])
    const started = await running.until((event) => event.type === 'run-started')
    await running.until((event) => event.type === 'sample')
    const watching = startLab(['watch', 'latest', '--json', '--results', results])
    await watching.until((event) => event.type === 'sample')
    running.child.kill('SIGKILL')
    expect((await watching.exited).code).toBe(0)
    await gone((started as Extract<typeof started, { type: 'run-started' }>).runId, 15_000)
    const { code, stdout } = await lab(['report', 'latest', '--results', results, '--stdout'])
    expect(code).toBe(0)
    expect(stdout).toContain('the run did not come to a verdict')
    expect((await lab(['list', 'runs', '--results', results])).stdout).toContain('cut off')
  })
})

describe('lab list, doctor, clean', () => {
  test('list as JSON', async () => {
    const { stdout } = await lab(['list', '--json'])
    const found = JSON.parse(stdout) as { architectures: { id: string }[]; scenarios: { id: string }[]; knobs: { arch: string; name: string }[] }
    expect(found.architectures.map(({ id }) => id)).toEqual(ARCHITECTURE_IDS)
    expect(found.scenarios.map(({ id }) => id)).toEqual(Object.keys(scenarios))
    expect(found.knobs.filter(({ arch }) => arch === 'v2').map(({ name }) => name)).toEqual(['batch', 'flush', 'consumers', 'fsync', 'maxlen', 'api', 'payload'])
  })

  test('the runs of a folder', async () => {
    const { stdout } = await lab(['list', 'runs', '--results', join(folder, 'watched')])
    expect(stdout).toMatch(/spike-null-[0-9a-f]{4} +complete +exit [06]/)
  })

  test('doctor finds all that is needed here', async () => {
    const { code, stdout } = await lab(['doctor', '--arch', 'v2'])
    expect(stdout).toMatch(/PostgreSQL.*\n.*Redis/)
    expect(code).toBe(0)
  })

  test('clean finds nothing to do', async () => {
    expect((await lab(['clean', '--dry-run'])).code).toBe(0)
  })
})

describe('Ctrl-C while something is fetched', () => {
  test('ends in order, and the next fetch starts clean', async () => {
    const cache = join(folder, 'cache')
    const env = { LAB_CACHE: cache, PATH: pathWithoutRedis() }
    const results = join(folder, 'fetch')
    const running = startLab(['run', 'spike', '--arch', 'v2', '--json', '--results', results], env)
    const started = await running.until((event) => event.type === 'run-started')
    await running.until((event) => event.type === 'fetch')
    const atMs = Date.now()
    running.child.kill('SIGINT')
    expect((await running.exited).code).toBe(130)
    expect(Date.now() - atMs).toBeLessThan(20_000)
    await gone((started as Extract<typeof started, { type: 'run-started' }>).runId, 0)
    const [name] = readdirSync(results)
    expect(JSON.parse(readFileSync(join(results, name!, 'run.json'), 'utf8'))).toMatchObject({ status: 'aborted' })
    const again = await lab(['setup', '--arch', 'v2'], env)
    expect(again.code, again.stderr).toBe(0)
    expect(again.stdout).toBe('v2 has all it needs\n')
  })
})

/** Folders without a Redis of their own, so that the wheel has to be fetched. */
function pathWithoutRedis(): string {
  const has = (path: string) => ['redis-server', 'valkey-server'].some((name) => existsSync(join(path, name)))
  return (process.env.PATH ?? '').split(':').filter((path) => !has(path)).join(':')
}
