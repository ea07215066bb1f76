import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, it } from 'vitest'
import { clean, findLeftovers } from '../../src/runtime/leftovers.ts'
import { isAlive, listProcesses, readStat } from '../../src/runtime/processes.ts'
import { runMarks } from '../../src/runtime/run-mark.ts'
import { bringUp, fixture, newRunId, remains, temporaryFolder, until } from './running.ts'

/** A lab in a process of its own. Resolves at the first event that fits; `goDown` begins its teardown. */
function startLab(runId: string, env: Record<string, string> = {}): { child: ChildProcess; reaches(fits: (event: { type: string; service?: string }) => boolean): Promise<void>; logDir: string } {
  const logDir = temporaryFolder()
  const child = spawn(process.execPath, [fixture('parent.ts'), runId, logDir, fixture('stores.yaml')], { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout! })
  const seen: { type: string; service?: string }[] = []
  lines.on('line', (line) => seen.push(JSON.parse(line) as { type: string }))
  return {
    child,
    logDir,
    async reaches(fits) {
      await until(() => seen.some(fits) || child.exitCode !== null, 30_000, 'the lab gets there')
      if (!seen.some(fits)) throw new Error(`the lab ended first: ${JSON.stringify(seen.at(-1))}`)
    },
  }
}

async function killHard(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

function watchdogOf(runId: string): number | undefined {
  return listProcesses().find(({ pid }) => {
    const words = commandLine(pid)
    return words.some((word) => word.endsWith('watchdog.js')) && words.includes(runId)
  })?.pid
}

function commandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  } catch {
    return []
  }
}

describe('SIGKILL of the lab leaves nothing within 15 s', () => {
  it.each([
    ['when the first store starts', (event: { type: string }) => event.type === 'service-started'],
    ['while services start', (event: { type: string; service?: string }) => event.type === 'service-started' && event.service === 'api'],
    ['when all is up', (event: { type: string }) => event.type === 'up'],
    ['while it is taken down', (event: { type: string }) => event.type === 'going-down'],
  ])('%s', async (_, fits) => {
    const runId = newRunId()
    const { child, reaches, logDir } = startLab(runId)
    if (fits({ type: 'going-down' })) {
      await reaches(({ type }) => type === 'up')
      child.stdin!.write('down\n')
    }
    await reaches(fits)
    await killHard(child)
    const tookMs = await until(() => remains(runId).length === 0, 15_000, 'nothing is left')
    await until(() => watchdogOf(runId) === undefined, 2_000, 'the watchdog has ended, too')
    expect(tookMs).toBeLessThan(15_000)
    expect(readFileSync(join(logDir, 'watchdog.log'), 'utf8')).toContain('nothing is left')
  })

  it('while something is fetched', async () => {
    const runId = newRunId()
    const cache = temporaryFolder()
    const { child, reaches } = startLab(runId, { LAB_CACHE: cache })
    await reaches(({ type }) => type === 'fetch')
    await killHard(child)
    await until(() => remains(runId).length === 0, 15_000, 'nothing is left')
    // What the dead lab left half done in the cache hinders nobody.
    const next = startLab(newRunId(), { LAB_CACHE: cache })
    await next.reaches(({ type }) => type === 'up')
    const exited = once(next.child, 'exit')
    next.child.stdin!.write('down\n')
    expect(await exited).toEqual([0, null])
  })

  it('even when every service is paused, and the watchdog has been sent what a closing terminal sends', async () => {
    const runId = newRunId()
    const { child, reaches } = startLab(runId)
    await reaches(({ type }) => type === 'up')
    const watchdog = watchdogOf(runId)!
    for (const signal of ['SIGINT', 'SIGHUP', 'SIGTERM'] as const) process.kill(watchdog, signal)
    for (const line of remains(runId)) if (line.startsWith('process ')) process.kill(Number(line.slice(8)), 'SIGSTOP')
    await killHard(child)
    await until(() => remains(runId).length === 0, 15_000, 'nothing is left')
  })
})

it('a lab that ends well dismisses its watchdog', async () => {
  const run = bringUp('plain.yaml')
  const system = await run.system
  const watchdog = watchdogOf(run.runId)!
  const stat = readStat(watchdog)!
  await system[Symbol.asyncDispose]()
  await until(() => !isAlive(stat), 2_000, 'the watchdog has ended')
})

describe('leftovers of a lab whose watchdog was killed as well', () => {
  it('are found and removed, and nothing else is touched', async () => {
    const living = bringUp('plain.yaml')
    await using system = await living.system
    // A stranger that looks a little like ours: an owner, but no run; and a run without an owner's name.
    const marks = runMarks('x', { pid: 2 ** 22 + 1, startTime: 1 })
    const strangers = [{ LAB_OWNER: marks.LAB_OWNER! }, { LAB_RUN: 'somebody' }].map((env) => spawn('sleep', ['60'], { env: { ...process.env, ...env }, stdio: 'ignore' }))
    const runId = newRunId()
    const { child, reaches } = startLab(runId)
    await reaches(({ type }) => type === 'up')
    process.kill(watchdogOf(runId)!, 'SIGKILL')
    await killHard(child)
    try {
      const found = findLeftovers().filter((one) => one.runId === runId)
      expect(found).toHaveLength(1)
      expect(found[0]!.folders).toEqual(remains(runId).filter((line) => line.startsWith('/')))
      expect(found[0]!.processes.length).toBeGreaterThan(5)
      expect(findLeftovers().some((one) => one.runId === living.runId)).toBe(false)
      expect(await clean(found)).toEqual([])
      expect(findLeftovers().some((one) => one.runId === runId)).toBe(false)
      expect(remains(runId)).toEqual([])
      expect(strangers.map(({ exitCode, signalCode }) => exitCode ?? signalCode)).toEqual([null, null])
      expect(system.services[0]!.pid).toBeDefined()
      expect(remains(living.runId)).toHaveLength(2)
    } finally {
      for (const stranger of strangers) stranger.kill('SIGKILL')
    }
  })

  it('are folders of dead owners only', async () => {
    const base = mkdtempSync(join(tmpdir(), 'lab-test-'))
    const make = (name: string, owner?: string): void => {
      mkdirSync(join(base, name))
      if (owner !== undefined) writeFileSync(join(base, name, 'owner'), owner)
    }
    const me = readStat(process.pid)!
    make('load-lab-dead', `${2 ** 22 + 1}:1`)
    make('load-lab-reused', `${me.pid}:${me.startTime + 1}`)
    make('load-lab-living', `${me.pid}:${me.startTime}`)
    make('load-lab-being-made')
    for (const name of ['load-lab-never-named', 'load-lab-of-others']) {
      make(name)
      if (name.endsWith('others')) writeFileSync(join(base, name, 'notes'), '')
      utimesSync(join(base, name), 0, 0)
    }
    make('something-else', `${2 ** 22 + 1}:1`)
    writeFileSync(join(base, 'load-lab-file'), '')
    try {
      const found = findLeftovers([base]).filter(({ folders }) => folders.length > 0)
      expect(found.map(({ runId }) => runId).sort()).toEqual(['dead', 'never-named', 'reused'])
      await clean(found)
      expect(['dead', 'reused', 'never-named', 'living', 'being-made', 'of-others', 'file'].map((name) => existsSync(join(base, `load-lab-${name}`)))).toEqual([false, false, false, true, true, true, true])
      expect(existsSync(join(base, 'something-else'))).toBe(true)
    } finally {
      rmSync(base, { recursive: true, force: true })
    }
  })
})
