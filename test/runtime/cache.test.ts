import { cpSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { cached, damagedIn, discardDamaged, type CacheIo } from '../../src/runtime/cache.ts'
import { isEntryOf } from '../../src/runtime/doctor-backends.ts'
import { damageOf, deepDamageOf } from '../../src/runtime/cache-manifest.ts'

const TEXT = 'what was fetched'
let root = ''
let made = 0
let told: string[] = []
let stop = new AbortController()
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'lab-test-'))
  made = 0
  told = []
  stop = new AbortController()
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const io = (): CacheIo => ({ signal: stop.signal, onFetch: ({ what }) => void told.push(what) })

async function make(into: string): Promise<void> {
  made += 1
  mkdirSync(join(into, 'deep'))
  writeFileSync(join(into, 'deep', 'a file'), TEXT)
  symlinkSync('a file', join(into, 'deep', 'link'))
  writeFileSync(join(into, 'empty'), '')
}

/** Same size, same time of change: only its content tells. */
function flip(path: string): void {
  const { mtime, atime } = lstatSync(path)
  const bytes = readFileSync(path)
  bytes[0]! ^= 1
  writeFileSync(path, bytes)
  utimesSync(path, atime, mtime)
}

describe('an entry of the cache', () => {
  it.each([
    ['nothing', () => undefined, undefined],
    ['a file', (path: string) => rmSync(join(path, 'deep', 'a file')), 'deep/a file is gone'],
    ['a part of a file', (path: string) => truncateSync(join(path, 'deep', 'a file'), 3), 'deep/a file has 3 bytes instead of 16'],
    ['a link', (path: string) => rmSync(join(path, 'deep', 'link')), 'deep/link is gone'],
    ['an empty file', (path: string) => rmSync(join(path, 'empty')), 'empty is gone'],
    ['the list of files', (path: string) => rmSync(join(path, '.files')), '.files is not whole'],
    ['the checksums', (path: string) => rmSync(join(path, '.sha256')), '.sha256 is gone'],
    ['a part of the checksums', (path: string) => truncateSync(join(path, '.sha256'), 70), '.sha256 has 70 bytes instead of 150'],
    ['the end of the list', (path: string) => truncateSync(join(path, '.files'), 20), '.files is not whole'],
    ['all in the list', (path: string) => truncateSync(join(path, '.files'), 0), '.files is not whole'],
  ] as const)('that has lost %s is noticed when it is used, made anew, and that is said', async (_, lose, damage) => {
    const path = await cached(root, 'thing', io(), make)
    lose(path)
    expect(damageOf(path)).toBe(damage)
    // Two labs at once: one mends, the other waits.
    const both = await Promise.all([cached(root, 'thing', io(), make), cached(root, 'thing', io(), make)])
    expect(both).toEqual([path, path])
    expect(made).toBe(damage === undefined ? 1 : 2)
    expect(told).toEqual(damage === undefined ? [] : [`thing again, as ${damage}`])
    expect(await deepDamageOf(path)).toBeUndefined()
    expect(readFileSync(join(path, 'deep', 'link'), 'utf8')).toBe(TEXT)
    expect(readdirSync(root), 'neither lock nor remains').toEqual(['thing'])
  })

  it('may be empty', async () => {
    const path = await cached(root, 'thing', io(), async () => void (made += 1))
    await cached(root, 'thing', io(), make)
    expect(made).toBe(1)
    expect(await deepDamageOf(path)).toBeUndefined()
  })

  it('that is gone is made anew', async () => {
    const path = await cached(root, 'thing', io(), make)
    rmSync(path, { recursive: true })
    await cached(root, 'thing', io(), make)
    expect(made).toBe(2)
  })

  it.each([
    ['a flipped bit', (path: string) => flip(join(path, 'deep', 'a file')), 'deep/a file is not what it was when it was made (SHA-256)'],
    ['another checksum', (path: string) => flip(join(path, '.sha256')), expect.stringContaining('is not what it was when it was made')],
    ['a part of a file', (path: string) => truncateSync(join(path, 'deep', 'a file'), 3), 'deep/a file has 3 bytes instead of 16'],
  ] as const)('with %s is found by reading all of it, and then made anew', async (_, damage, says) => {
    const [path, other] = await Promise.all([cached(root, 'thing', io(), make), cached(root, 'other', io(), make)])
    mkdirSync(join(root, 'no-entry'))
    damage(path)
    expect(await damagedIn([root, root])).toEqual([{ path, says }])
    expect(await damagedIn([root], (name) => name === 'other')).toEqual([])
    expect(await discardDamaged([root], stop.signal)).toEqual([{ path, says }])
    expect(readdirSync(root).sort()).toEqual(['no-entry', 'other'])
    expect(await discardDamaged([root], stop.signal)).toEqual([])
    await cached(root, 'thing', io(), make)
    expect(await deepDamageOf(path)).toBeUndefined()
    expect(await deepDamageOf(other)).toBeUndefined()
    expect(made).toBe(3)
  })

  it('can be checked by hand, and may be copied', async () => {
    const path = await cached(root, 'thing', io(), make)
    expect(readFileSync(join(path, '.sha256'), 'utf8').split('\n')[0]).toMatch(/^[0-9a-f]{64} {2}deep\/a file$/)
    cpSync(path, join(root, 'copy'), { recursive: true, verbatimSymlinks: true })
    expect(await deepDamageOf(join(root, 'copy'))).toBeUndefined()
  })
})

it('the doctor looks at what an architecture needs', () => {
  const isMeant = isEntryOf(['kafka', 'redis', 'node'])
  expect(['kafka-4.3.1-jars-1', 'valkey-9.1.2', 'flink-2.0.0-jars-1', 'up'].map(isMeant)).toEqual([true, true, false, false])
})

describe('making an entry', () => {
  it('that fails leaves nothing; what an interrupted attempt has left is cleared away', async () => {
    await expect(cached(root, 'thing', io(), async (into) => {
      writeFileSync(join(into, 'half'), '')
      throw new Error('interrupted')
    })).rejects.toThrow('interrupted')
    expect(readdirSync(root)).toEqual([])
    // As of one that was killed.
    mkdirSync(join(root, 'thing.tmp-1'))
    mkdirSync(join(root, 'thing.tmp-broken'))
    writeFileSync(join(root, 'thing.lock'), `${2 ** 22 + 1}:1`)
    await Promise.all([cached(root, 'thing', io(), make), cached(root, 'thing', io(), make)])
    expect(made).toBe(1)
    expect(readdirSync(root)).toEqual(['thing'])
  })

  it('that is given up half way leaves nothing, though all was there', async () => {
    await expect(cached(root, 'thing', io(), async (into) => {
      await make(into)
      stop.abort(new Error('enough'))
    })).rejects.toThrow('enough')
    expect(existsSync(join(root, 'thing'))).toBe(false)
    expect(readdirSync(root)).toEqual([])
  })
})
