import { expect, test } from 'vitest'
import type { RunEvent } from '../../src/run/events.ts'
import { outagesAfter, type Outage } from '../../src/run/outages.ts'

const worker = { service: 'worker', replica: 1 }
const exited = { type: 'service-exited', ...worker, code: null, signal: 'SIGKILL', willRestart: true, lastLines: [] }
const ready = { type: 'service-ready', ...worker, tookMs: 1 }
const kill = { fault: 'kill', ...worker }
const pause = { fault: 'pause', ...worker }
const latency = { fault: 'latency', ...worker }
const reset = { fault: 'reset', ...worker }
const after = (...events: object[]) =>
  events.map((event, i) => ({ atMs: 100 * (i + 1), ...event }) as RunEvent).reduce<readonly Outage[]>(outagesAfter, [])

test.each([
  ['a kill, until it is ready again', [{ type: 'fault-injected', ...kill }, { ...exited, expected: true }, ready], [{ ...worker, how: 'killed', fromMs: 100, toMs: 300 }]],
  ['a death by itself', [{ ...exited, expected: false }, ready], [{ ...worker, how: 'died', fromMs: 100, toMs: 200 }]],
  ['two deaths before it is back are one outage', [{ ...exited, expected: false }, { ...exited, expected: false }, ready], [{ ...worker, how: 'died', fromMs: 100, toMs: 300 }]],
  ['a pause, until it is healed', [{ type: 'fault-injected', ...pause }, { type: 'fault-healed', ...pause, tookMs: 0 }], [{ ...worker, how: 'paused', fromMs: 100, toMs: 200 }]],
  ['a death while it is paused is an outage of its own', [{ type: 'fault-injected', ...pause }, { ...exited, expected: false }, ready], [{ ...worker, how: 'paused', fromMs: 100 }, { ...worker, how: 'died', fromMs: 200, toMs: 300 }]],
  ['one that never came back', [{ type: 'fault-injected', ...kill }], [{ ...worker, how: 'killed', fromMs: 100 }]],
  ['a stop on purpose is none', [{ ...exited, expected: true }, ready], []],
  ['another replica that gets ready ends nothing', [{ type: 'fault-injected', ...kill }, { ...ready, replica: 2 }], [{ ...worker, how: 'killed', fromMs: 100 }]],
  ['getting ready ends no pause', [{ type: 'fault-injected', ...pause }, ready], [{ ...worker, how: 'paused', fromMs: 100 }]],
  [
    'two at once on the way to it, each until it is healed itself',
    [{ type: 'fault-injected', ...latency }, { type: 'fault-injected', ...reset }, { type: 'fault-healed', ...reset, tookMs: 0 }, { type: 'fault-healed', ...latency, tookMs: 0 }],
    [{ ...worker, how: 'paused', by: 'latency', fromMs: 100, toMs: 400 }, { ...worker, how: 'cut', by: 'reset', fromMs: 200, toMs: 300 }],
  ],
  ['a death while its clients are cut off is an outage of its own', [{ type: 'fault-injected', ...reset }, { ...exited, expected: false }, ready], [{ ...worker, how: 'cut', by: 'reset', fromMs: 100 }, { ...worker, how: 'died', fromMs: 200, toMs: 300 }]],
  ['two kills', [{ type: 'fault-injected', ...kill }, ready, { type: 'fault-injected', ...kill }, ready], [{ ...worker, how: 'killed', fromMs: 100, toMs: 200 }, { ...worker, how: 'killed', fromMs: 300, toMs: 400 }]],
] as [string, object[], Outage[]][])('%s', (_, events, outages) => expect(after(...events)).toEqual(outages))

test('what is cut off, squeezed or slowed forgets nothing; what is stopped does', () => {
  const how = (fault: string) => outagesAfter([], { atMs: 1, type: 'fault-injected', fault, service: 'redis', replica: 1 })[0]!.how
  for (const fault of ['pause', 'memory', 'cpu', 'latency', 'bandwidth', 'slow-close']) expect(how(fault), fault).toBe('paused')
  for (const fault of ['partition', 'reset', 'reset-reply', 'timeout']) expect(how(fault), fault).toBe('cut')
  expect(['kill', 'stop', 'restart'].map(how)).toEqual(['killed', 'killed', 'killed'])
})
