import { describe, expect, test } from 'vitest'
import { bottleneckOf } from '../../src/reports/bottleneck.ts'
import type { Sample } from '../../src/run/events.ts'
import { sampleAt } from './records.ts'

/** Ten seconds on two cores. CPU in cores by service. */
function held(cpu: Record<string, number>, { busy = 0.6, ioWaitShare = 0, metrics, replicas = 1 }: { busy?: number; ioWaitShare?: number; metrics?: Sample['metrics']; replicas?: number } = {}) {
  const services = Object.fromEntries(Object.entries(cpu).map(([name, cores]) => [name, { cpu: cores, rssBytes: 1, replicas }]))
  return Array.from({ length: 10 }, (_, second) => sampleAt(second, { services, machine: { cpuBusy: busy, stealShare: 0, ioWaitShare, load1: 1 }, ...(metrics && { metrics }) }))
}

describe('what gave out first', () => {
  test.each([
    ['a Node process that fills its core', held({ api: 0.96, postgres: 0.3 }), { what: 'core', service: 'api', says: 'api: it used 96 % of the one core it can use' }],
    ['Redis, which has one thread', held({ api: 0.5, redis: 0.99 }), { what: 'core', service: 'redis' }],
    ['four replicas that fill a core each', held({ worker: 3.8 }, { replicas: 4 }), { what: 'core', service: 'worker', says: 'worker: each of 4 replicas used 95 % of the one core it can use' }],
    ['a full machine, most of it PostgreSQL', held({ api: 0.5, postgres: 1.2 }, { busy: 0.97 }), { what: 'machine', service: 'postgres', says: "the machine's CPU: 97 % of 2 cores were busy, most of them with postgres" }],
    ['a full core before a full machine', held({ api: 0.93, postgres: 0.8 }, { busy: 0.97 }), { what: 'core', service: 'api' }],
    ['the pool', held({ api: 0.4 }, { metrics: { lab_pool_connections: 10, lab_pool_in_use: 10, lab_pool_waiting: 120 } }), { what: 'pool', says: 'the database pool: 10.0 of 10 connections in use, 120 events waiting' }],
    ['no pool that is full and waited for by nobody', held({ api: 0.4 }, { metrics: { lab_pool_connections: 10, lab_pool_in_use: 10, lab_pool_waiting: 0 } }), { what: 'undecided' }],
    ['the disk', held({ postgres: 0.4 }, { ioWaitShare: 0.4 }), { what: 'disk', says: 'the disk: 40 % of all cores waited for it' }],
    ['a PostgreSQL over one core is not at its end', held({ postgres: 1.2 }, { busy: 0.7 }), { what: 'undecided', says: 'undecided: no service filled a core, the machine was 70 % busy' }],
    ['a machine that others filled says nothing', held({ api: 0.4 }, { busy: 0.99 }), { what: 'undecided', says: "undecided: the machine was 99 % busy, 1.3 of its 2 cores with what is not the lab's" }],
    ['nothing measured', [], { what: 'undecided' }],
  ])('%s', (_, samples, found) => expect(bottleneckOf(samples, 2)).toMatchObject(found))

  test('who died is known without figures', () => {
    expect(bottleneckOf(held({ api: 0.99 }), 2, 'worker died by itself (SIGKILL)')).toMatchObject({ what: 'death', says: 'worker died by itself (SIGKILL)' })
  })
})

test('the evidence: CPU, disk, and where work piles up, in the words of the report', () => {
  const { evidence } = bottleneckOf(held({ api: 0.3, redis: 0.1, a: 0.01, b: 0.02, c: 0.03 }, { ioWaitShare: 0.02, metrics: { lab_messages_held: 1_234, lab_sockets: 20, lab_publish_open_events: 0 } }), 2)
  expect(evidence).toEqual([
    "CPU in cores: api 0.30, redis 0.10, c 0.03, b 0.02, injector 0.20, what is not the lab's 0.49; the machine 60 % busy of 2",
    '2 % of all cores waited for a disk',
    'on average messages received, not acknowledged yet 1,234',
  ])
})
