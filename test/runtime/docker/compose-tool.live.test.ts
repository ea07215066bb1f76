import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import { defaultKnobs } from '../../../src/system/knobs.ts'
import { observingFiles } from '../../../src/experiment/observing.ts'
import { composeFiles } from '../../../src/experiment/plan.ts'
import { setupDocker } from '../../../src/runtime/docker/docker.ts'
import { connectEngine } from '../../../src/runtime/docker/engine.ts'
import { thingsOf } from '../../../src/runtime/docker/removal.ts'
import { onPath } from '../../../src/runtime/local/program.ts'
import { architectures } from '../../../src/system/architectures/index.ts'
import type { Architecture } from '../../../src/system/architecture.ts'
import { PATIENCE_MS, startEngine } from '../../docker/engine.ts'

/** The compose files without the lab: by Debian's docker-compose 1.29, the oldest that is in use. */

const started = onPath('docker-compose') === undefined ? 'there is no docker-compose' : await startEngine()
const engine = typeof started === 'string' ? undefined : started
afterAll(() => engine?.[Symbol.asyncDispose]())
if (engine) Object.assign(process.env, engine.env)

const root = fileURLToPath(new URL('../../../', import.meta.url))

async function compose(files: readonly string[], words: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const named = files.flatMap((file) => ['-f', file])
  const { stdout } = await promisify(execFile)('docker-compose', [...named, '-p', 'load-lab-test', ...words], { cwd: root, env: { ...process.env, ...env }, timeout: 100_000, maxBuffer: 8 * 1024 ** 2 })
  return stdout
}

describe.skipIf(!engine)(`docker-compose 1.29${typeof started === 'string' ? ` (skipped: ${started})` : ''}`, { timeout: PATIENCE_MS }, () => {
  test.each(Object.keys(architectures))('reads the files of %s', async (id) => {
    const { architecture } = (await architectures[id as keyof typeof architectures]()) as unknown as { architecture: Architecture }
    const config = await compose(composeFiles(architecture, defaultKnobs(architecture)), ['config'])
    expect(config).toContain('services:')
    expect(config).toMatch(new RegExp(`LAB_ARCH: '?"?${id}'?"?$`, 'm'))
  })

  test('reads the files of v2 with those of observability', async () => {
    const { architecture } = await architectures.v2()
    const config = await compose([...composeFiles(architecture as unknown as Architecture), ...observingFiles(true)], ['config'], { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' })
    for (const text of ['prometheus:', 'grafana:', 'loki:', 'tempo:', 'OTEL_EXPORTER_OTLP_ENDPOINT: http://collector:4318', `${root}compose/observability/alerts.yaml:/etc/prometheus/alerts.yaml:ro`]) expect(config).toContain(text)
  })

  test('brings v2 up with three replicas of the API, all of which take orders', async () => {
    const endpoint = { url: engine!.env.DOCKER_HOST!, from: 'the test', transport: { kind: 'unix' as const, path: engine!.socket } }
    const files = ['base', 'v2'].map((name) => `${root}compose/${name}.yaml`)
    await setupDocker(await connectEngine(endpoint, new AbortController().signal), files, new AbortController().signal, () => undefined)
    const env = { API_PORTS: '18620-18622' }
    try {
      await compose(files, ['up', '-d', '--scale', 'api=3'], env)
      const ports = [18_620, 18_621, 18_622]
      await Promise.all(ports.map((port) => expect.poll(() => fetch(`http://127.0.0.1:${port}/readyz`).then(({ status }) => status, () => 0), { timeout: 60_000 }).toBe(200)))
      for (const port of ports) {
        const order = { id: randomUUID(), type: 'order_placed', store: 'store-01', product: 'latte', amount: 3.5, timestamp: new Date().toISOString() }
        const reply = await fetch(`http://127.0.0.1:${port}/api/v2/order`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(order) })
        expect(reply.status).toBe(202)
      }
      await expect.poll(async () => ((await (await fetch('http://127.0.0.1:18620/api/dashboard')).json()) as { count: number }).count, { timeout: 10_000 }).toBe(3)
      // The engine asks once a second: it comes to know later than those who ask for themselves.
      const healthy = async () => {
        const found = await engine!.docker.listContainers({ filters: { label: ['com.docker.compose.project=load-lab-test'], health: ['healthy'] } })
        return found.map(({ Labels }) => Labels['com.docker.compose.service']).sort()
      }
      await expect.poll(healthy, { timeout: 30_000 }).toEqual(['api', 'api', 'api', 'postgres', 'redis'])
      expect(await thingsOf(engine!.docker), 'nothing of it is the lab\'s to remove').toEqual([])
    } finally {
      await compose(files, ['down', '-v', '-t', '2'], env)
    }
  })
})
