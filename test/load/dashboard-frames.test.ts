import { describe, expect, test } from 'vitest'
import { frameReader, nothingHeld, receive, totalsFold, type Frame } from '../../src/load/dashboard-frames.ts'

const frame = (kind: 'full' | 'diff', version: number, count = version * 10): Frame => ({ kind, version, from: version - 1, count })
const bytes = (value: unknown) => Buffer.from(JSON.stringify(value))

describe('a socket that holds version 5', () => {
  const holding = () => ({ ...nothingHeld(), version: 5, count: 50 })
  test.each([
    ['a diff that follows', frame('diff', 6), 'taken', 6],
    ['a diff that does not', frame('diff', 7), 'resync', 5],
    ['a later full one', frame('full', 9), 'taken', 9],
    ['the same full one again', frame('full', 5), 'taken', 5],
    ['an older one', frame('full', 4), { violation: 'version went back from 5 to 4' }, 5],
    ['a later one that counts less', frame('diff', 6, 49), { violation: 'version 6: count went back from 50 to 49' }, 6],
  ])('%s', (_name, received, result, version) => {
    const held = holding()
    expect(receive(held, received as Frame)).toEqual(result)
    expect(held.version).toBe(version)
  })

  test('passes diffs over until the full one that it asked for', () => {
    const held = holding()
    expect([frame('diff', 8), frame('diff', 9), frame('full', 10), frame('diff', 11)].map((each) => receive(held, each))).toEqual([
      'resync', 'passed over', 'taken', 'taken',
    ])
  })
})

describe('reading', () => {
  test.each([
    ['no JSON', Buffer.from('hello')],
    ['null', bytes(null)],
    ['another kind', bytes({ kind: 'other', version: 1, count: 1 })],
    ['no count', bytes({ kind: 'full', version: 1 })],
    ['a diff from nowhere', bytes({ kind: 'diff', version: 1, count: 1 })],
  ])('%s is no frame', (_name, data) => expect(frameReader()(data)).toBeUndefined())

  test('the same bytes are parsed once', () => {
    const read = frameReader()
    const first = read(bytes(frame('full', 1)))
    for (let version = 2; version < 6; version++) read(bytes(frame('full', version)))
    expect(read(bytes(frame('full', 1)))).toBe(first)
  })
})

describe('totals', () => {
  const tallies = (latte: number, mocha: number) => ({
    byProduct: { latte: { count: latte }, mocha: { count: mocha } }, byStore: { a: { count: latte + mocha } }, byType: { p: { count: latte + mocha } },
    byHour: { h: { count: latte + mocha } },
  })
  test('add up over full and diff frames', () => {
    const wrong = totalsFold()
    expect(wrong({ ...frame('full', 1, 3), ...tallies(1, 2) })).toBeUndefined()
    const both = { a: { count: 4 } }
    expect(wrong({ ...frame('diff', 2, 4), byProduct: { latte: { count: 2 } }, byStore: both, byType: { p: { count: 4 } }, byHour: { h: { count: 4 } } })).toBeUndefined()
  })
  test('that do not are named', () => {
    expect(totalsFold()({ ...frame('full', 1, 4), ...tallies(1, 2) })).toBe('version 1: byProduct adds up to 3, count says 4')
  })
})
