import { describe, expect, test } from 'vitest'
import { planRun } from '../../src/experiment/plan.ts'
import { faultsBeyond } from '../../src/experiment/plan-faults.ts'
import type { Runtime } from '../../src/runtime/runtime.ts'
import { withNetwork } from '../../src/system/fault-list.ts'

const NOWHERE: Runtime = { name: 'local', up: () => Promise.reject(new Error('not asked for')) }
const planOf = (arch: string, set: string[] = [], more: { fault?: string[]; duration?: string } = {}) => planRun({ scenario: 'failure', arch, set, compose: [], results: 'results', ...more }, NOWHERE, 'lab run')
const NETWORK = ['latency', 'bandwidth', 'reset', 'reset-reply', 'timeout', 'partition']

describe('the whole list of', () => {
  test.each([
    ['v0', [], ['api', 'redis'], ['redis']],
    ['v1', [], ['api', 'postgres', 'redis'], ['postgres', 'redis']],
    ['v1', ['write=buffer'], ['api', 'postgres', 'redis'], ['postgres', 'redis']],
    ['v2', [], ['api', 'redis', 'postgres'], ['redis', 'postgres']],
    ['v3', [], ['api', 'kafka', 'postgres', 'redis'], ['kafka', 'postgres', 'redis']],
    ['v3', ['brokers=3'], ['api', 'kafka', 'kafka-2', 'kafka-3', 'postgres', 'redis'], ['kafka', 'kafka-2', 'kafka-3', 'postgres', 'redis']],
    ['v4', [], ['api', 'rabbitmq', 'postgres', 'redis'], ['rabbitmq', 'postgres', 'redis']],
    ['v5', [], ['api', 'kafka', 'clickhouse', 'redis'], ['kafka', 'clickhouse', 'redis']],
  ])('%s %j can be played as it is, on plain processes too, with every link and server in it', async (arch, set, links, servers) => {
    const plan = await planOf(arch, set)
    const { faults, phases } = plan.scenario
    const services = (fault: string) => faults.filter((one) => one.fault === fault).map(({ service }) => service)
    for (const fault of NETWORK) expect(services(fault), fault).toEqual(links)
    expect(services('stop')).toEqual(servers)
    expect(services('kill')).toEqual(expect.arrayContaining(links))
    expect(services('pause')).toEqual(expect.arrayContaining(links))
    expect(plan.leftOut).toEqual([])
    expect(faultsBeyond(plan, 'local')).toEqual([])
    expect(faults.every(({ whenHealed, added }) => whenHealed && !added)).toBe(true)
    expect(phases.reduce((sum, { seconds }) => sum + seconds, 0)).toBeGreaterThan(faults.at(-1)!.atSeconds + 10)
  })

  test('is replaced by --fault, and the load lasts as long as these take', async () => {
    const { scenario } = await planOf('v2', [], { fault: ['kill:worker@20s'] })
    expect(scenario.faults).toHaveLength(1)
    expect(scenario.phases.map(({ seconds }) => seconds)).toEqual([8, 12, 20])
    const late = await planOf('v2', [], { fault: ['kill:worker@60s'] })
    expect(late.scenario.phases.at(-1)!.seconds).toBe(60 + 10 + 8 - 20)
  })

  test('--duration needs faults by name, and is then what it says', async () => {
    await expect(planOf('v2', [], { duration: '60' })).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining('name some with --fault') as string })
    const { scenario } = await planOf('v2', [], { duration: '60', fault: ['kill:worker@30s'] })
    expect(scenario.phases.reduce((sum, { seconds }) => sum + seconds, 0)).toBeCloseTo(60)
  })
})

describe('what follows from kills and pauses', () => {
  const list = [
    { fault: 'kill', service: 'redis', clients: 'nothing', recoversWithinS: 10, says: 'Gone.' },
    { fault: 'pause', service: 'redis', clients: 'rejected', recoversWithinS: 4, says: 'Still.' },
  ] as const
  const of = (fault: string, slow = {}) => withNetwork(list, { servers: ['redis'], links: ['redis'], slow }).find((one) => one.fault === fault)

  test('a lost connection is no worse than a kill, a cut line than a hang', () => {
    expect(of('reset')).toMatchObject({ clients: 'nothing', recoversWithinS: 10 })
    expect(of('partition')).toMatchObject({ clients: 'rejected', recoversWithinS: 10, forSeconds: 10 })
    expect(of('stop')).toMatchObject({ clients: 'nothing', forSeconds: 10 })
    expect(of('pause')).toMatchObject({ forSeconds: 15 })
  })
  test('slowness is no refusal, unless somebody says otherwise', () => {
    expect(of('latency')).toMatchObject({ clients: 'nothing', value: '200ms' })
    expect(of('latency', { 'latency redis': { clients: 'rejected', says: 'Waits.' } })).toMatchObject({ clients: 'rejected', says: 'Waits.' })
  })
  test('nothing follows from nothing', () => expect(() => withNetwork(list, { servers: [], links: ['api'] })).toThrow('nothing is said of a kill or a pause of api'))
})
