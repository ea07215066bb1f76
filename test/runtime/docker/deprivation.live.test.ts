import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { restart, stop } from '../../../src/faults/stop.ts'
import { createDocker } from '../../../src/runtime/docker/docker.ts'
import { connectEngine } from '../../../src/runtime/docker/engine.ts'
import { LABELS } from '../../../src/runtime/docker/mark.ts'
import { thingsOf } from '../../../src/runtime/docker/removal.ts'
import { answersPing } from '../../../src/runtime/local/redis.ts'
import type { RuntimeEvent } from '../../../src/runtime/runtime.ts'
import { startEngine } from '../../docker/engine.ts'

const started = await startEngine()
const engine = typeof started === 'string' ? undefined : started
const results = mkdtempSync(join(tmpdir(), 'load-lab-test-'))
afterAll(async () => {
  rmSync(results, { recursive: true, force: true })
  await engine?.[Symbol.asyncDispose]()
})
if (engine) Object.assign(process.env, engine.env)

const answers = (port: number): Promise<boolean> => answersPing('127.0.0.1', port, 1_000)

describe.skipIf(!engine)(`what a container can lose${typeof started === 'string' ? ` (skipped: ${started})` : ''}`, () => {
  test('it loses it for real, and has it again on the same ports; replicas come and go', async () => {
    const { docker, env, socket } = engine!
    const runtime = createDocker(await connectEngine({ url: env.DOCKER_HOST!, from: 'the test', transport: { kind: 'unix', path: socket } }, new AbortController().signal))
    const files = ['base.yaml', 'v0.yaml'].map((name) => fileURLToPath(new URL(`../../../compose/${name}`, import.meta.url)))
    const events: RuntimeEvent[] = []
    const runId = `test-${process.pid}`
    {
      await using system = await runtime.up({ runId, files, env: {}, logDir: join(results, 'logs'), signal: new AbortController().signal, on: (event) => events.push(event) })
      const redis = system.services.find(({ service }) => service === 'redis')!
      const [listed] = await docker.listContainers({ filters: { label: [`${LABELS.run}=${runId}`, `${LABELS.service}=redis`] } })
      const inspect = () => docker.getContainer(listed!.Id).inspect()
      const port = Number(system.env.REDIS_PORT)
      expect(await answers(port)).toBe(true)
      {
        await using _cut = await redis.deprive!({ what: 'network' })
        expect(await answers(port)).toBe(false)
      }
      await expect.poll(() => answers(port), { timeout: 5_000 }).toBe(true)
      {
        await using _slow = await redis.deprive!({ what: 'cpu', cores: 0.1 })
        expect((await inspect()).HostConfig).toMatchObject({ CpuPeriod: 100_000, CpuQuota: 10_000 })
      }
      expect((await inspect()).HostConfig.CpuQuota).toBe(-1)
      {
        await using _small = await redis.deprive!({ what: 'memory', share: 1.1 })
        expect((await inspect()).HostConfig.Memory).toBeLessThan(64 * 1024 ** 2)
        expect(await answers(port), 'what it holds stays').toBe(true)
      }
      expect((await inspect()).HostConfig.Memory).toBeGreaterThan(256 * 1024 ** 2)

      const signal = new AbortController().signal
      {
        await using _stopped = await stop.start(redis, true, signal)
        expect(await answers(port)).toBe(false)
      }
      expect(await answers(port)).toBe(true)
      await (await restart.start(redis, false, signal))[Symbol.asyncDispose]()
      expect(await answers(port)).toBe(true)
      expect(events.filter((event) => event.type === 'service-exited' && !event.expected)).toEqual([])
      // Services of ours find their way back by themselves.
      await expect.poll(async () => (await fetch(`${system.apiUrl}/readyz`)).status, { timeout: 10_000 }).toBe(200)

      await system.scale('api', 3)
      const metrics = system.services.filter(({ service }) => service === 'api').map(({ metricsUrl }) => metricsUrl!)
      expect(new Set(metrics).size).toBe(3)
      for (const url of metrics) expect((await fetch(url)).status).toBe(200)
      await system.scale('api', 1)
      expect((await thingsOf(docker, runId)).filter(({ name }) => name.includes('-api-')).map(({ name }) => name)).toEqual([`load-lab-${runId}-api-1`])
    }
    expect(await thingsOf(docker, runId)).toEqual([])
  }, 240_000)
})
