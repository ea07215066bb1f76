import { afterAll, describe, expect, test } from 'vitest'
import { WRONGS } from '../../../src/reports/reconcile.ts'
import { createDocker } from '../../../src/runtime/docker/docker.ts'
import { connectEngine } from '../../../src/runtime/docker/engine.ts'
import { thingsOf } from '../../../src/runtime/docker/removal.ts'
import { ran } from '../../experiment/runs.ts'
import { LONG, PATIENCE_MS, startEngine } from '../../docker/engine.ts'

const started = await startEngine()
const engine = typeof started === 'string' ? undefined : started
afterAll(() => engine?.[Symbol.asyncDispose]())
if (engine) Object.assign(process.env, engine.env)

/** v2 has a test of its own. */
const SHORT = ['v1', 'v4']
const archs = LONG ? ['null', 'v0', ...SHORT] : SHORT

describe.skipIf(!engine)(`in containers, every event accounted for${typeof started === 'string' ? ` (skipped: ${started})` : ''}`, { timeout: PATIENCE_MS }, () => {
  test.each(archs)('%s', async (arch) => {
    const endpoint = { url: engine!.env.DOCKER_HOST!, from: 'the test', transport: { kind: 'unix' as const, path: engine!.socket } }
    const runtime = createDocker(await connectEngine(endpoint, new AbortController().signal))
    await using run = await ran({ arch, duration: '4' }, undefined, undefined, runtime)
    const accounting = run.record.state.accounting
    expect(accounting, JSON.stringify(run.events.at(-1))).toBeDefined()
    for (const kind of WRONGS) expect(accounting![kind], kind).toBe(0)
    expect(accounting!.miscounted).toEqual([])
    expect(accounting!.stored).toBeGreaterThan(100)
    expect(run.record.deaths).toEqual([])
    expect([0, 4, 6]).toContain(run.exitCode)
    expect(await thingsOf(engine!.docker)).toEqual([])
  })
})
