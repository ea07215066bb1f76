import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { thingsOf } from '../../../src/runtime/docker/removal.ts'
import { gone, startLab } from '../../cli/lab-process.ts'
import { LONG, startEngine } from '../../docker/engine.ts'

const started = LONG ? await startEngine() : 'only in npm run test:docker'
const engine = typeof started === 'string' ? undefined : started
afterAll(() => engine?.[Symbol.asyncDispose]())

const CYCLES = Number(process.env.LAB_TEST_CYCLES ?? 10)
const LONGEST_LIFE_MS = 15_000
const WATCHDOG_MS = 15_000

describe.skipIf(!engine)(`labs of v2 with containers that are killed at random moments${typeof started === 'string' ? ` (skipped: ${started})` : ''}`, () => {
  test(`${CYCLES} times, nothing is left of any`, async () => {
    const results = mkdtempSync(join(tmpdir(), 'load-lab-test-'))
    try {
      for (let cycle = 0; cycle < CYCLES; cycle += 1) {
        const running = startLab(['run', 'spike', '--arch', 'v2', '--runtime', 'docker', '--json', '--rate', '50', '--duration', '3', '--subscribers', '2', '--results', results], engine!.env)
        const runId = ((await running.until(({ type }) => type === 'run-started')) as { runId: string }).runId
        const lifeMs = Math.random() * LONGEST_LIFE_MS
        await Promise.race([sleep(lifeMs), running.exited])
        const stage = running.events.findLast((event) => event.type === 'stage')
        running.child.kill('SIGKILL')
        await running.exited
        await expect.poll(async () => (await thingsOf(engine!.docker, runId)).length, { timeout: WATCHDOG_MS, message: `cycle ${cycle}, killed after ${Math.round(lifeMs)} ms, ${JSON.stringify(stage)}` }).toBe(0)
        await gone(runId, WATCHDOG_MS)
      }
      await sleep(2_000)
      expect(await thingsOf(engine!.docker)).toEqual([])
    } finally {
      rmSync(results, { recursive: true, force: true })
    }
  }, CYCLES * 60_000)
})
