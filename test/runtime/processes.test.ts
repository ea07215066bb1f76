import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isAlive, parseEnviron, parseRss, parseStat, readStat, withDescendants } from '../../src/runtime/processes.ts'
import { ownerText, parseOwner, self } from '../../src/runtime/run-mark.ts'

const stat = (name: string): string => `4711 (${name}) S 42 4711 4711 0 -1 4194560 2500 9000 0 3 150 50 20 5 20 0 11 0 8123456 1000000 5000 18446744073709551615 1 1 0`

describe('/proc/<pid>/stat', () => {
  it.each(['node', 'a b', 'odd) S 1 (', ')', ''])('of a program named %j', (name) => {
    expect(parseStat(stat(name))).toEqual({ pid: 4711, state: 'S', parent: 42, cpuTicks: 225, startTime: 8_123_456 })
  })
  it.each(['', 'nonsense', '1 (x) S 1'])('%j is not one', (text) => expect(parseStat(text)).toBeUndefined())
})

describe('/proc/<pid>/environ', () => {
  it('has one assignment after each NUL', () => {
    expect([...parseEnviron('A=1\0B=x=y\0EMPTY=\0\0broken\0')]).toEqual([['A', '1'], ['B', 'x=y'], ['EMPTY', '']])
  })
})

it('tells private memory from what may be shared', () => {
  expect(parseRss('VmRSS:\t  30 kB\nRssAnon:\t      10 kB\nRssFile:\t       5 kB\nRssShmem:\t      15 kB\n')).toEqual({ ownBytes: 10_240, sharedBytes: 20_480 })
  expect(parseRss('')).toEqual({ ownBytes: 0, sharedBytes: 0 })
})

describe('descendants', () => {
  it('are found at any depth, and nobody else', () => {
    const all = [[2, 1], [3, 2], [4, 3], [5, 1], [6, 5]].map(([pid, parent]) => ({ pid: pid!, parent: parent! }))
    expect([...withDescendants(new Set([2]), all)].sort()).toEqual([2, 3, 4])
  })
  it('end, even if parents went round in a circle', () => {
    fc.assert(fc.property(fc.array(fc.record({ pid: fc.nat(20), parent: fc.nat(20) })), (all) => {
      const tree = withDescendants(new Set([1]), all)
      for (const { pid, parent } of all) if (tree.has(parent)) expect(tree.has(pid)).toBe(true)
    }))
  })
})

describe('identity', () => {
  it('needs number and start time', () => {
    const me = self()
    expect(me).toMatchObject({ pid: process.pid })
    expect(isAlive(me)).toBe(true)
    expect(isAlive({ ...me, startTime: me.startTime + 1 })).toBe(false)
    expect(readStat(2 ** 30)).toBeUndefined()
  })
  it('survives being written and read', () => expect(parseOwner(ownerText({ pid: 12, startTime: 34 }))).toEqual({ pid: 12, startTime: 34 }))
  it.each([undefined, '', '12', '12:', 'a:b', '12:34:56'])('%j names nobody', (text) => expect(parseOwner(text)).toBeUndefined())
})
