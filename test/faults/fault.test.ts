import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { beyondRuntime, faultProblems, linkedServices, secondsOf } from '../../src/faults/check.ts'
import { faultText, parseFault } from '../../src/faults/fault.ts'
import { FAULTS, type ScenarioFault } from '../../src/scenarios/scenario.ts'

function read(text: string): ScenarioFault {
  const parsed = parseFault(text)
  if (!parsed.ok) throw new Error(parsed.says)
  return parsed.fault
}

describe('reading a fault', () => {
  test.each([
    ['kill:worker@20s', { fault: 'kill', service: 'worker', replica: 1, atSeconds: 20 }],
    ['pause:redis@20s+10s', { fault: 'pause', service: 'redis', replica: 1, atSeconds: 20, forSeconds: 10 }],
    ['kill:api.2@5', { fault: 'kill', service: 'api', replica: 2, atSeconds: 5 }],
    ['kill:api@0', { fault: 'kill', service: 'api', replica: 1, atSeconds: 0 }],
    ['latency:kafka=200ms±50@20s+10s', { fault: 'latency', service: 'kafka', replica: 1, value: '200ms±50', atSeconds: 20, forSeconds: 10 }],
    ['latency:kafka=200ms+-50ms,both,30%@20s', { fault: 'latency', service: 'kafka', replica: 1, value: '200ms+-50ms,both,30%', atSeconds: 20 }],
    ['bandwidth:redis=1.5MB/s@1', { fault: 'bandwidth', service: 'redis', replica: 1, value: '1.5MB/s', atSeconds: 1 }],
    ['reset:redis@5s', { fault: 'reset', service: 'redis', replica: 1, atSeconds: 5 }],
    ['pause:redis-cache@1.5m+500ms', { fault: 'pause', service: 'redis-cache', replica: 1, atSeconds: 90, forSeconds: 0.5 }],
  ])('%s', (text, fault) => expect(read(text)).toEqual({ ...fault, added: true }))

  test.each([
    ['kill', 'must read <fault>:<service>'],
    ['kill:worker', 'must read'],
    ['kill:worker@', '"" is no time'],
    ['kill:worker@20h', '"20h" is no time'],
    ['kill:worker@-5', '"-5" is no time'],
    ['kill:worker@1e9', '"1e9" is no time'],
    ['kill:worker@100000s', 'at most a day'],
    ['kill:worker@20s+', '"" is no duration'],
    ['kill:worker@20s+0s', '"0s" is no duration above zero'],
    ['kill:worker@20s+5s+5s', 'must read'],
    ['kil:worker@20s', 'there is no fault "kil". Did you mean "kill"? There are: kill, pause'],
    ['toString:worker@20s', 'there is no fault "toString"'],
    ['kill:@20s', 'names no service'],
    ['kill:worker=5@20s', '"5": kill takes no value'],
    ['partition:redis=up@20s', 'partition takes no value'],
    ['latency:kafka@20s', 'must say how long: latency:kafka=200ms'],
    ['latency:kafka=200@20s', '"200" is no delay'],
    ['bandwidth:kafka=100kb/s@20s', 'is no rate'],
    ['kill:api.0@20s', 'they count from 1'],
    ['', 'must read'],
  ])('%j is refused: %s', (text, says) => expect(parseFault(text)).toEqual({ ok: false, says: expect.stringContaining(says) as string }))

  test('whatever is planned reads the same when written out', () => {
    const seconds = fc.integer({ min: 0, max: 86_400_000 }).map((ms) => ms / 1_000)
    fc.assert(
      fc.property(fc.constantFrom(...FAULTS), fc.stringMatching(/^[a-z][a-z0-9-]{0,12}$/), fc.integer({ min: 1, max: 99 }), seconds, fc.option(seconds.filter((value) => value > 0), { nil: undefined }), (fault, service, replica, atSeconds, forSeconds) => {
        const value = { latency: '200ms±50ms', bandwidth: '100kB/s,up', 'slow-close': '5s' }[fault as string]
        const planned: ScenarioFault = { fault, service, replica, ...(value && { value }), atSeconds, ...(forSeconds && { forSeconds }), added: true }
        expect(read(faultText(planned))).toEqual(planned)
      }),
    )
  })

  test('no text throws', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.string().map((text) => `kill:api@${text}`), fc.string().map((text) => `pause:${text}@5s+1s`)), (text) => void parseFault(text)))
  })
})

describe('faults that cannot be played', () => {
  const targets = { replicas: { api: 2, worker: 1, redis: 1 }, linkable: ['api', 'redis'] }
  const problems = (...texts: string[]) => faultProblems(texts.map(read), targets, 60)

  test.each([
    [['kill:worker@20s', 'pause:redis@20s', 'kill:api.2@59.9s']],
    [['kill:worker@20s+5s', 'kill:worker@25s']],
    [['pause:redis@20s', 'pause:redis@30s+2s']],
    [['kill:api@20s+20s', 'kill:api.2@25s']],
    [['kill:worker@55s+60s']],
    [['latency:redis=1s@5s', 'reset:redis@6s', 'bandwidth:redis=1MB/s@7s', 'kill:redis@8s', 'timeout:api@8s']],
  ])('%j: fine', (texts) => expect(problems(...texts)).toEqual([]))

  test.each([
    [['latency:worker=1s@20s'], 'nobody connects to worker; it can be done to api, redis'],
    [['reset:api.2@20s'], 'it meets the connections to all replicas'],
    [['latency:redis=1s@5s', 'latency:redis=2s@6s'], 'overlap: the second can begin at 15 s'],
    [['kill:wroker@20s'], 'there is no service "wroker". Did you mean "worker"? There are: api, worker, redis'],
    [['kill:toString@20s'], 'there is no service "toString"'],
    [['kill:api.3@20s'], 'api has 2 replicas'],
    [['kill:worker.2@20s'], 'worker has 1 replica'],
    [['kill:worker@60s'], 'the load is over after 60 s'],
    [['kill:worker@20s+5s', 'pause:worker@24s'], 'faults kill:worker@20s+5s and pause:worker@24s overlap: the second can begin at 25 s'],
    [['pause:redis@29s', 'pause:redis@20s'], 'overlap: the second can begin at 30 s'],
    [['kill:worker@20s', 'kill:worker@20s'], 'overlap: the second can begin at 21 s'],
  ])('%j: %s', (texts, says) => expect(problems(...texts).join('\n')).toContain(says))

  test('all problems come at once', () => expect(problems('kill:x@20s', 'kill:api@70s', 'kill:redis@1', 'kill:redis@1')).toHaveLength(3))
  test('a kill is over at once, a pause lasts 10 s', () => expect([read('kill:api@1'), read('pause:api@1'), read('pause:api@1+3')].map(secondsOf)).toEqual([undefined, 10, 3]))
})

test('a proxy is needed by what is done to connections, and by a partition where there are no containers', () => {
  const planned = ['kill:worker@1s', 'partition:postgres@2s', 'latency:redis=1s@3s', 'reset:redis@4s'].map(read)
  expect(linkedServices(planned, 'docker')).toEqual(['redis'])
  expect(linkedServices(planned, 'local')).toEqual(['postgres', 'redis'])
})

test('what only containers can lose is refused on plain processes, by name', () => {
  const planned = ['kill:worker@1s', 'partition:redis@2s', 'cpu:api@3s+1s', 'memory:api@6s', 'stop:worker@9s', 'restart:worker@30s'].map(read)
  expect(beyondRuntime(planned, 'docker', [])).toEqual([])
  const without = (linkable: string[]) => beyondRuntime(planned, 'local', linkable).map((says) => says.replace(/: (it|on plain).*/, ''))
  expect(without(['redis'])).toEqual(['fault cpu:api@3s+1s', 'fault memory:api@6s'])
  expect(without(['postgres'])).toEqual(['fault partition:redis@2s', 'fault cpu:api@3s+1s', 'fault memory:api@6s'])
})
