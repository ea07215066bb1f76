import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { cacheDir, isPassable, lock, sharedCacheDir } from '../../src/runtime/cache.ts'
import { files, memory, nodeVersion } from '../../src/runtime/doctor.ts'
import { plainEnvironment } from '../../src/runtime/environment.ts'
import { createLogTail, lineBudget } from '../../src/runtime/local/log-tail.ts'
import { portRange } from '../../src/runtime/local/ports.ts'
import { linkLibraries } from '../../src/runtime/local/postgres-binaries.ts'
import { serverArguments as postgresArguments } from '../../src/runtime/local/postgres.ts'
import { isNewEnough } from '../../src/runtime/local/redis-binary.ts'
import { serverArguments as redisArguments } from '../../src/runtime/local/redis.ts'
import { restartDelayMs, restarts } from '../../src/runtime/lives.ts'
import { createUndo } from '../../src/runtime/local/undo.ts'
import { chooseBase } from '../../src/runtime/run-folder.ts'

const never = new AbortController().signal
let folder = ''
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'lab-test-'))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('ports are looked for outside of what the kernel gives to clients', () => {
  it.each([
    ['the usual range', '32768\t60999\n', 15_000, 32_768],
    ['a range that begins low: above it', '16000 60000', 60_001, 65_535],
    ['clients everywhere: anywhere', '1024 65535', 15_000, 65_535],
  ])('%s', (_, text, from, to) => expect(portRange(text)).toEqual({ from, to }))
})

describe('restart policies', () => {
  it.each([
    ['no, after a crash', { policy: 'no' }, 1, 0, false],
    ['on-failure, after a crash', { policy: 'on-failure' }, 1, 0, true],
    ['on-failure, after a signal', { policy: 'on-failure' }, null, 0, true],
    ['on-failure, after success', { policy: 'on-failure' }, 0, 0, false],
    ['on-failure:2, third crash', { policy: 'on-failure', max: 2 }, 1, 2, false],
    ['always, after success', { policy: 'always' }, 0, 0, true],
    ['always, for ever', { policy: 'always' }, 1, 10, false],
  ] as const)('%s', (_, policy, code, attempts, again) => expect(restarts(policy, code, attempts)).toBe(again))
  it('wait 100 ms, then twice as long each time, at most 5 s', () => {
    expect([1, 2, 3, 6, 7, 30].map(restartDelayMs)).toEqual([100, 200, 400, 3_200, 5_000, 5_000])
  })
})

describe('commands of the public images', () => {
  it.each([[['redis-server', '--a', 'b'], ['--a', 'b']], [['valkey-server'], []], [['--a'], ['--a']], [[], []]])('redis %j', (command, args) => {
    expect(redisArguments({ name: 'r', command })).toEqual(args)
  })
  it.each([[['postgres', '-c', 'a=b'], ['-c', 'a=b']], [['-c', 'a=b'], ['-c', 'a=b']], [[], []]])('postgres %j', (command, args) => {
    expect(postgresArguments({ name: 'p', command })).toEqual(args)
  })
  it('anything else is refused', () => {
    expect(() => redisArguments({ name: 'r', command: ['sh', '-c', 'x'] })).toThrow('can only run redis-server, not sh')
    expect(() => postgresArguments({ name: 'p', command: ['sh'] })).toThrow('can only run postgres, not sh')
  })
})

it.each([
  ['Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64 build=x', true],
  ['Redis server v=6.2.0 sha=0', true],
  ['Redis server v=6.0.16 sha=0', false],
  ['Redis server v=5.0.7 sha=0', false],
  ['Valkey server v=9.1.2 sha=0', true],
  ['something', false],
])('%s is new enough: %s', (line, enough) => expect(isNewEnough(line)).toBe(enough))

it('inherits nothing that could be secret', () => {
  const env = plainEnvironment({ LAB_BATCH: '5' }, { PATH: '/bin', HOME: '/root', AWS_SECRET_ACCESS_KEY: 'x', GITHUB_TOKEN: 'y', HTTPS_PROXY: 'z', NODE_OPTIONS: '--x' })
  expect(env).toEqual({ PATH: '/bin', HOME: '/root', LAB_BATCH: '5' })
})

describe('where the data go', () => {
  const base = (path: string, onDisk: boolean, passable: boolean) => ({ path, onDisk, passable })
  it.each([
    ['a disk everybody may pass', [base('/tmp', true, true), base('/var/tmp', true, true)], '/tmp'],
    ['not memory', [base('/tmp', false, true), base('/var/tmp', true, true)], '/var/tmp'],
    ['not behind a closed folder', [base('/root/tmp', true, false), base('/var/tmp', true, true)], '/var/tmp'],
    ['memory rather than behind a closed folder', [base('/root/tmp', true, false), base('/var/tmp', false, true)], '/var/tmp'],
    ['else the first', [base('/a', false, false), base('/b', false, false)], '/a'],
  ])('%s', (_, bases, chosen) => expect(chooseBase(bases)).toBe(chosen))
})

describe('the cache', () => {
  it.each([
    [{ LAB_CACHE: '/x', XDG_CACHE_HOME: '/y', HOME: '/h' }, '/x'],
    [{ XDG_CACHE_HOME: '/y', HOME: '/h' }, '/y/load-lab'],
    [{ HOME: '/h' }, '/h/.cache/load-lab'],
  ])('%j → %s', (env, path) => expect(cacheDir(env)).toBe(path))

  it('for others lies where they may go', () => {
    mkdirSync(join(folder, 'closed'), { mode: 0o700 })
    mkdirSync(join(folder, 'closed', 'open'), { mode: 0o755 })
    expect(isPassable('/usr/bin')).toBe(true)
    expect(isPassable(join(folder, 'closed', 'open'))).toBe(false)
    expect(sharedCacheDir({ LAB_CACHE: join(folder, 'closed', 'open') })).toBe('/var/cache/load-lab')
  })

  it('breaks the lock of a dead holder, and waits for a living one', async () => {
    const path = join(folder, 'x.lock')
    writeFileSync(path, `${2 ** 22 + 1}:1`)
    const held = await lock(path, never)
    expect(readFileSync(path, 'utf8')).toContain(`${process.pid}:`)
    const stop = new AbortController()
    const second = lock(path, stop.signal)
    stop.abort(new Error('enough'))
    await expect(second).rejects.toThrow()
    await held[Symbol.asyncDispose]()
    expect(existsSync(path)).toBe(false)
  })
})

describe('libraries of PostgreSQL', () => {
  const list = JSON.stringify([{ source: 'native/lib/a.so.1.2', target: 'native/lib/a.so.1' }])
  it('are linked where the install script was not run', () => {
    const native = join(folder, 'any-name')
    mkdirSync(join(native, 'lib'), { recursive: true })
    writeFileSync(join(native, 'lib', 'a.so.1.2'), 'library')
    writeFileSync(join(native, 'pg-symlinks.json'), list)
    expect(linkLibraries(native)).toBe(true)
    expect(readFileSync(join(native, 'lib', 'a.so.1'), 'utf8')).toBe('library')
    expect(linkLibraries(native)).toBe(true)
  })
  it('are not there when a link leads nowhere', () => {
    const native = join(folder, 'native')
    mkdirSync(join(native, 'lib'), { recursive: true })
    writeFileSync(join(native, 'pg-symlinks.json'), list)
    symlinkSync('gone', join(native, 'lib', 'a.so.1'))
    expect(linkLibraries(native)).toBe(false)
  })
})

describe('the tail of a log', () => {
  const tailing = (path: string) => {
    const lines: string[] = []
    const skipped: number[] = []
    return { lines, skipped, tail: createLogTail({ path, onLine: (line) => lines.push(line), onSkipped: (bytes) => skipped.push(bytes) }) }
  }

  it('gives whole lines, also of characters written in halves', () => {
    const path = join(folder, 'a.log')
    writeFileSync(path, 'of another life\n')
    const { lines, tail } = tailing(path)
    const bytes = Buffer.from('grün\nrot\r\n\nha')
    appendFileSync(path, bytes.subarray(0, 3))
    tail.poll()
    appendFileSync(path, bytes.subarray(3))
    tail.poll()
    expect(lines).toEqual(['grün', 'rot'])
    expect(tail.lastLines()).toEqual(['grün', 'rot', 'ha'])
    appendFileSync(path, 'lf\n')
    tail[Symbol.dispose]()
    expect(lines).toEqual(['grün', 'rot', 'half'])
  })

  it('skips a flood but for its end, unless it has to see all', () => {
    const path = join(folder, 'b.log')
    const flood = 'x'.repeat(99).concat('\n').repeat(20_000)
    const { lines, skipped, tail } = tailing(path)
    appendFileSync(path, flood)
    tail.poll()
    expect(lines.length).toBeLessThan(1_000)
    expect(skipped[0]! + 65_536).toBe(flood.length)
    appendFileSync(path, flood)
    tail.poll(true)
    expect(lines.length).toBeGreaterThan(20_000)
    tail[Symbol.dispose]()
  })

  it('cuts a line without end', () => {
    const path = join(folder, 'c.log')
    const { lines, tail } = tailing(path)
    appendFileSync(path, `${'y'.repeat(300_000)}\n`)
    tail.poll(true)
    expect(lines).toHaveLength(1)
    expect(lines[0]!.length).toBeLessThan(5_000)
    tail[Symbol.dispose]()
  })

  it('shows so many lines a second, and more only at first', () => {
    const budget = lineBudget(10, 3)
    const allowed = (atMs: number, times: number): number => Array.from({ length: times }, () => budget.allows(atMs)).filter(Boolean).length
    expect(allowed(0, 10)).toBe(3)
    expect(allowed(50, 10)).toBe(0)
    expect(allowed(100, 10)).toBe(1)
    expect(allowed(60_000, 10)).toBe(3)
  })
})

it('undoes newest first, all of it, whatever fails', async () => {
  const done: number[] = []
  const undo = createUndo()
  for (const step of [1, 2, 3]) {
    undo.defer(async () => {
      done.push(step)
      if (step === 2) throw new Error('two')
    })
  }
  const moved = undo.move()
  await undo[Symbol.asyncDispose]()
  expect(done).toEqual([])
  await expect(moved[Symbol.asyncDispose]()).rejects.toThrow('two')
  expect(done).toEqual([3, 2, 1])
})

describe('the doctor', () => {
  it.each([['24.21.0', 'ok'], ['22.13.0', 'ok'], ['22.12.9', 'missing'], ['20.20.2', 'missing']])('Node %s: %s', (version, status) => expect(nodeVersion(version).status).toBe(status))
  it.each([['20000', 'ok'], ['unlimited', 'ok'], ['1024', 'warning']])('%s open files: %s', (hard, status) => {
    expect(files(`Limit                     Soft Limit           Hard Limit           Units\nMax open files            1024                 ${hard}                files`).status).toBe(status)
  })
  it.each([[8_000_000, 'ok'], [500_000, 'warning']])('%i kB free: %s', (kB, status) => expect(memory(`MemTotal: 9 kB\nMemAvailable:   ${kB} kB\n`).status).toBe(status))
})
