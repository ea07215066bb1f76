import { describe, expect, it } from 'vitest'
import { cpuShares, machineMeter, parseCpuModel, parseCpuTimes, parseLoad1, parseMeminfo, readMachineFacts } from '../../src/measure/machine.ts'

describe('/proc/stat', () => {
  it('adds up what is busy; guests are in user already', () => {
    expect(parseCpuTimes('cpu  100 20 30 400 50 6 7 8 90 10\ncpu0 1 2 3 4\nintr 5\n')).toEqual({ busy: 163, idle: 450, ioWait: 50, steal: 8 })
  })
  it('of an old kernel has fewer columns', () => expect(parseCpuTimes('cpu  100 20 30 400\n')).toEqual({ busy: 150, idle: 400, ioWait: 0, steal: 0 }))
  it('without a cpu line is refused', () => expect(() => parseCpuTimes('cpu0 1 2 3\n')).toThrow('no cpu line'))
})

describe('shares between two readings', () => {
  const times = (busy: number, idle: number, steal: number, ioWait = 0) => ({ busy, idle, steal, ioWait })
  it.each([
    ['half busy', times(0, 0, 0), times(50, 50, 0), { busy: 0.5, steal: 0, ioWait: 0 }],
    ['a quarter waits for a disk', times(0, 0, 0, 0), times(50, 50, 0, 25), { busy: 0.5, steal: 0, ioWait: 0.25 }],
    ['some stolen', times(10, 10, 10), times(70, 40, 20), { busy: 0.6, steal: 0.1, ioWait: 0 }],
    ['no time passed', times(5, 5, 5), times(5, 5, 5), { busy: 0, steal: 0, ioWait: 0 }],
    ['a counter stepped back', times(5, 50, 5), times(15, 40, 5), { busy: 1, steal: 0, ioWait: 0 }],
  ])('%s', (_, before, after, shares) => expect(cpuShares(before, after)).toEqual(shares))
})

it.each([['0.42 0.30 0.21 1/312 4711\n', 0.42], ['', 0]])('load of %j is %d', (text, load) => expect(parseLoad1(text)).toBe(load))

it.each([
  ['processor\t: 0\nmodel name\t: Intel(R) Xeon(R) @ 2.50GHz\n', 'Intel(R) Xeon(R) @ 2.50GHz'],
  ['processor\t: 0\nBogoMIPS\t: 50.00\n', 'unknown'],
])('model in %j', (text, model) => expect(parseCpuModel(text)).toBe(model))

it('memory is given in bytes', () => {
  expect(parseMeminfo('MemTotal:       16 kB\nMemAvailable:    8 kB\n', 'MemAvailable')).toBe(8_192)
  expect(parseMeminfo('', 'MemAvailable')).toBeUndefined()
})

it('this machine can be read', () => {
  const reading = machineMeter().read()
  for (const share of [reading.cpuBusy, reading.stealShare]) expect(share >= 0 && share <= 1).toBe(true)
  expect(readMachineFacts()).toMatchObject({ cores: expect.any(Number), memoryBytes: expect.any(Number) })
})
