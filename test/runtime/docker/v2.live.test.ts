import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { WRONGS } from '../../../src/reports/reconcile.ts'
import type { RunEvent } from '../../../src/run/events.ts'
import { createDocker } from '../../../src/runtime/docker/docker.ts'
import { connectEngine } from '../../../src/runtime/docker/engine.ts'
import { thingsOf } from '../../../src/runtime/docker/removal.ts'
import { ran } from '../../experiment/runs.ts'
import { PATIENCE_MS, startEngine } from '../../docker/engine.ts'

const started = await startEngine()
const engine = typeof started === 'string' ? undefined : started
afterAll(() => engine?.[Symbol.asyncDispose]())
if (engine) Object.assign(process.env, engine.env)

type Of<T extends RunEvent['type']> = Extract<RunEvent, { type: T }>
const only = <T extends RunEvent['type']>(events: readonly RunEvent[], type: T) => events.filter((event): event is Of<T> => event.type === type)

describe.skipIf(!engine)(`a whole run of v2 in containers${typeof started === 'string' ? ` (skipped: ${started})` : ''}`, { timeout: PATIENCE_MS }, () => {
  test('under a crash and a hang: every event accounted for, figures of every service, nothing left', async () => {
    const { docker, socket } = engine!
    const endpoint = { url: `unix://${socket}`, from: 'the test', transport: { kind: 'unix' as const, path: socket } }
    const runtime = createDocker(await connectEngine(endpoint, new AbortController().signal))
    let runId = ''
    let during: string[] = []
    await using run = await ran({ duration: '10', fault: ['kill:worker@3s', 'pause:redis@6s+1s'], set: ['api=2'] }, undefined, (event) => {
      if (event.type === 'run-started') runId = event.runId
      if (event.type === 'fault-injected' && event.fault === 'pause') void thingsOf(docker, runId).then((things) => (during = things.map(({ kind, name }) => `${kind} ${name.replace(runId, 'RUN')}`)))
    }, runtime)
    const accounting = run.record.state.accounting!
    for (const kind of WRONGS) expect(accounting[kind], kind).toBe(0)
    expect(accounting.miscounted).toEqual([])
    expect(accounting.stored).toBeGreaterThan(500)
    expect(run.record.deaths).toEqual([])
    // On a slow machine a run may be INVALID or miss a figure.
    expect([0, 4, 6]).toContain(run.exitCode)
    expect(run.record.run).toMatchObject({ runtime: 'docker', versions: { docker: expect.stringMatching(/^\d+\.\d+/) as string } })

    expect(only(run.events, 'fault-healed').map(({ fault, service }) => `${fault} ${service}`).sort()).toEqual(['kill worker', 'pause redis'])
    expect(only(run.events, 'service-exited').filter(({ expected }) => !expected)).toEqual([])
    expect(only(run.events, 'service-restarted').map(({ service, attempt }) => `${service} ${attempt}`)).toEqual(['worker 1'])
    const versions = only(run.events, 'service-ready').map(({ service, version }) => `${service} ${version ?? ''}`)
    expect(versions).toEqual(expect.arrayContaining([expect.stringMatching(/^postgres PostgreSQL \d/), expect.stringMatching(/^redis Redis \d/)]))

    const last = only(run.events, 'sample').at(-1)!
    expect(Object.keys(last.services).sort()).toEqual(['api', 'postgres', 'redis', 'worker'])
    expect(last.services.api!.replicas).toBe(2)
    const cpu = (service: string) => only(run.events, 'sample').reduce((sum, sample) => sum + (sample.services[service]?.cpu ?? 0), 0)
    for (const [service, { rssBytes }] of Object.entries(last.services)) {
      expect(cpu(service), `CPU of ${service}`).toBeGreaterThan(0)
      expect(rssBytes, `memory of ${service}`).toBeGreaterThan(1024 ** 2)
    }
    expect(only(run.events, 'sample').some(({ metrics }) => Object.keys(metrics ?? {}).length > 0), 'metrics of services of ours').toBe(true)
    expect(only(run.events, 'data-measured').at(-1)!.bytes.postgres).toBeGreaterThan(10 * 1024 ** 2)
    const logs = join(run.record.folder, 'logs')
    expect(readdirSync(logs).sort()).toEqual(['api-1.log', 'api-2.log', 'injector.log', 'postgres.log', 'redis.log', 'setup.log', 'subscribers.log', 'worker.log'])
    expect(readFileSync(join(logs, 'postgres.log'), 'utf8')).toContain('ready to accept connections')
    // Two lives, each said once.
    expect(readFileSync(join(logs, 'worker.log'), 'utf8').match(/worker ready/g)).toHaveLength(2)

    expect(during.sort()).toEqual(expect.arrayContaining(['container load-lab-RUN-api-2', 'container load-lab-RUN-injector-1', 'network load-lab-RUN']))
    expect(await thingsOf(docker)).toEqual([])
    expect(existsSync(join(logs, 'watchdog.log')), 'the watchdog had nothing to do').toBe(false)
  })
})
