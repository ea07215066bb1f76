import { afterAll, describe, expect, test } from 'vitest'
import { WRONGS } from '../../../src/reports/reconcile.ts'
import { createDocker } from '../../../src/runtime/docker/docker.ts'
import { connectEngine } from '../../../src/runtime/docker/engine.ts'
import { thingsOf } from '../../../src/runtime/docker/removal.ts'
import { ran } from '../../experiment/runs.ts'
import { LARGE, LONG, PATIENCE_MS, startEngine } from '../../docker/engine.ts'

const started = await startEngine([], LARGE)
const engine = typeof started === 'string' ? undefined : started
afterAll(() => engine?.[Symbol.asyncDispose]())
if (engine) Object.assign(process.env, engine.env)

/** v2 has a test of its own. What is killed comes back by its policy, or is started again. */
const SHORT = [{ arch: 'v1' }, { arch: 'v4' }]
const runs: { arch: string; fault?: string[] }[] = LONG
  ? [{ arch: 'null' }, { arch: 'v0' }, ...SHORT, { arch: 'v3', fault: ['kill:taskmanager@3s'] }, { arch: 'v5', fault: ['kill:kafka@3s'] }]
  : SHORT
/** Of v3, eight virtual machines start on two cores. */
const READY_WITHIN_MS = 180_000

describe.skipIf(!engine)(`in containers, every event accounted for${typeof started === 'string' ? ` (skipped: ${started})` : ''}`, { timeout: 2 * PATIENCE_MS }, () => {
  test.each(runs)('$arch $fault', async (options) => {
    const endpoint = { url: engine!.env.DOCKER_HOST!, from: 'the test', transport: { kind: 'unix' as const, path: engine!.socket } }
    const runtime = createDocker(await connectEngine(endpoint, new AbortController().signal), { readyWithinMs: READY_WITHIN_MS })
    await using run = await ran({ duration: options.fault ? '8' : '4', ...options }, undefined, undefined, runtime)
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
