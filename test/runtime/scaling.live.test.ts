import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { System } from '../../src/runtime/runtime.ts'
import { isAlive, readStat } from '../../src/runtime/processes.ts'
import { bringUp, remains } from './running.ts'

const replicas = (system: System): number[] => system.services.filter(({ service }) => service === 'api').map(({ replica }) => replica)

/** The processes that answer on the one port. */
async function answering(system: System): Promise<number[]> {
  const answers = await Promise.all(Array.from({ length: 100 }, async () => Number(await (await fetch(system.apiUrl, { headers: { connection: 'close' } })).text())))
  return [...new Set(answers)].sort((a, b) => a - b)
}

const pids = (system: System): number[] => system.services.filter(({ service }) => service === 'api').map(({ pid }) => pid!).sort((a, b) => a - b)

describe('replicas of a running service', () => {
  it('come and go, and everything knows of them', async () => {
    const run = bringUp('web.yaml')
    const system = await run.system
    await system.scale('api', 3)
    expect(replicas(system)).toEqual([1, 2, 3])
    expect(await answering(system)).toEqual(pids(system))
    expect((await system.usage()).filter(({ service }) => service === 'api').map(({ processes }) => processes)).toEqual([1, 1, 1])
    expect(run.events).toContainEqual(expect.objectContaining({ type: 'service-ready', service: 'api', replica: 3 }))
    expect(existsSync(`${run.logDir}/api-3.log`), 'it has a log of its own').toBe(true)

    const newest = system.services.find(({ replica }) => replica === 3)!
    const gone = { pid: newest.pid!, startTime: readStat(newest.pid!)!.startTime }
    await system.scale('api', 1)
    expect(replicas(system)).toEqual([1])
    expect(isAlive(gone)).toBe(false)
    expect(await answering(system)).toEqual(pids(system))
    expect((await system.usage()).filter(({ service }) => service === 'api')).toHaveLength(1)

    // Changes follow one another, whoever waits for them.
    await Promise.all([system.scale('api', 4), system.scale('api', 2)])
    expect(replicas(system)).toEqual([1, 2])
    await system[Symbol.asyncDispose]()
    expect(remains(run.runId)).toEqual([])
    expect(run.events.filter((event) => event.type === 'service-exited' && !event.expected)).toEqual([])
  })

  it.each([
    ['nobody', 2, 'there is no service nobody (there are: api, setup, after)'],
    ['setup', 2, 'service setup cannot be scaled'],
    ['api', 0, '0 replicas of api: must be a whole number from 1 to 100'],
    ['api', 1.5, 'must be a whole number'],
  ])('of %s cannot be %d', async (service, wanted, says) => {
    await using system = await bringUp('web.yaml').system
    await expect(system.scale(service, wanted)).rejects.toThrow(says)
    expect(replicas(system)).toEqual([1])
  })

  it.each([0, 5, 40])('that are on their way for %d ms when the system is taken down are gone, too', async (ms) => {
    const run = bringUp('web.yaml')
    const system = await run.system
    const changes = [system.scale('api', 5), system.scale('api', 2)].map((change) => change.catch((error: unknown) => String(error)))
    await sleep(ms)
    await system[Symbol.asyncDispose]()
    expect(remains(run.runId)).toEqual([])
    await Promise.all(changes)
    expect(run.events.filter((event) => event.type === 'service-exited' && !event.expected)).toEqual([])
    await expect(system.scale('api', 3)).rejects.toThrow('is being taken down')
    expect(remains(run.runId)).toEqual([])
  })
})
