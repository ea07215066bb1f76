import { connect } from 'node:net'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { latency } from '../../../src/faults/links.ts'
import { createDocker } from '../../../src/runtime/docker/docker.ts'
import { connectEngine } from '../../../src/runtime/docker/engine.ts'
import { PATIENCE_MS, startEngine } from '../../docker/engine.ts'

const started = await startEngine()
const engine = typeof started === 'string' ? undefined : started
const results = mkdtempSync(join(tmpdir(), 'load-lab-test-'))
afterAll(async () => {
  rmSync(results, { recursive: true, force: true })
  await engine?.[Symbol.asyncDispose]()
})
if (engine) Object.assign(process.env, engine.env)

/** How long an order takes, ms: until Redis has answered. */
async function roundTrip(url: string): Promise<number> {
  const beganMs = performance.now()
  const reply = await fetch(`${url}/api/v0/order`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ id: crypto.randomUUID(), type: 'order_cancelled', store: 'store-01', product: 'espresso', amount: 0, timestamp: new Date().toISOString() }),
  })
  await reply.text()
  expect(reply.status).toBe(202)
  return performance.now() - beganMs
}

describe.skipIf(!engine)(`a proxy in a container${typeof started === 'string' ? ` (skipped: ${started})` : ''}`, () => {
  test('stands between Redis and its clients alone, and is steered from here', async () => {
    const { env, socket } = engine!
    const runtime = createDocker(await connectEngine({ url: env.DOCKER_HOST!, from: 'the test', transport: { kind: 'unix', path: socket } }, new AbortController().signal))
    const files = ['base.yaml', 'v0.yaml'].map((name) => fileURLToPath(new URL(`../../../compose/${name}`, import.meta.url)))
    const signal = new AbortController().signal
    await using system = await runtime.up({ runId: `test-${process.pid}`, files, env: {}, logDir: join(results, 'logs'), links: ['redis'], signal, on: () => undefined })
    const redis = system.services.find(({ service }) => service === 'redis')!
    expect(system.services.map(({ service }) => service)).toContain('redis-link')
    await roundTrip(system.apiUrl)
    {
      await using _late = await latency.start(redis, true, signal, '800ms')
      expect(await roundTrip(system.apiUrl)).toBeGreaterThanOrEqual(800)
      // The lab itself asks past the proxy.
      const direct = connect(Number(system.env.REDIS_PORT), system.env.REDIS_HOST)
      await once(direct, 'connect')
      direct.write('PING\r\n')
      expect(await Promise.race([once(direct, 'data').then(([data]) => String(data)), new Promise((resolve) => setTimeout(resolve, 700, 'late'))])).toBe('+PONG\r\n')
      direct.destroy()
    }
    await expect.poll(() => roundTrip(system.apiUrl), { timeout: 20_000 }).toBeLessThan(800)
  }, PATIENCE_MS)
})
