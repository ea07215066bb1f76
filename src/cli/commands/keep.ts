import { mkdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { composeFiles, knobsOf, loadArchitecture } from '../../experiment/plan.ts'
import { externalsFor, serversOf } from '../../experiment/plan-external.ts'
import { MAX_LINES, type LogLine } from '../../experiment/loki.ts'
import { observeKept } from '../../experiment/observe-kept.ts'
import { goWithout, observeOptions, observingEnv, observingFiles } from '../../experiment/observing.ts'
import { EXIT, LabError } from '../../run/errors.ts'
import { askedRuntime, chooseRuntime } from '../../runtime/docker/choose.ts'
import { cacheDir } from '../../runtime/cache.ts'
import { upWith } from '../../runtime/external/up.ts'
import { self } from '../../runtime/run-mark.ts'
import { envFromKnobs } from '../../system/knobs.ts'
import { forget, remember, withoutSecrets, type KeeperMessage, type Kept } from '../keeper.ts'

/** The keeper: brings a system up, tells `lab up` about it, and holds it until SIGTERM. */
export async function keepCommand(options: { arch: string; port: string; set: string[]; compose: string[]; runtime?: string; observe?: boolean; traces?: string }): Promise<void> {
  const tell = (message: KeeperMessage) => {
    if (process.connected) process.send?.(message)
  }
  const stop = new AbortController()
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(name, () => stop.abort())
  try {
    const architecture = await loadArchitecture(options.arch)
    const knobs = knobsOf(architecture, options.set, [])
    const runId = `up-${options.arch}-${process.pid}`
    const logDir = join(cacheDir(), 'up', 'logs', options.arch)
    await rm(logDir, { recursive: true, force: true })
    await mkdir(logDir, { recursive: true })
    const files = [...composeFiles(architecture, knobs), ...observingFiles(options.observe), ...options.compose.map((file) => resolve(file))]
    const runtime = await chooseRuntime(askedRuntime(options.runtime), files, stop.signal, () => undefined)
    const observe = observeOptions(options, [])
    const lacking = observe && (await goWithout(runtime.name, runId, stop.signal, (event) => tell({ type: 'event', event })))
    const lines: LogLine[] = []
    await using system = await upWith(runtime, serversOf(externalsFor(architecture, knobs, files, process.env, [])), {
      runId,
      files,
      env: { ...envFromKnobs(knobs), ...(observe && observingEnv(runtime.name, observe.oneIn)) },
      without: lacking?.services,
      logDir,
      apiPort: Number(options.port),
      signal: stop.signal,
      on(event) {
        tell({ type: 'event', event })
        if (observe && event.type === 'log' && lines.length < MAX_LINES) lines.push({ atMs: Date.now(), ...event })
      },
    })
    await using _observed = observe && (await observeKept({ system, architecture, knobs, logDir, runId, oneIn: observe.oneIn, lines }))
    const kept: Kept = { arch: options.arch, runId, url: system.apiUrl, keeper: self(), env: withoutSecrets(system.env), logDir, knobs }
    await remember(kept)
    tell({ type: 'up', kept })
    await untilAborted(stop.signal)
  } catch (error) {
    const known = error instanceof LabError
    tell({ type: 'failed', exitCode: known ? error.exitCode : EXIT.internal, message: known ? error.message : String((error as Error).stack), hint: known ? error.hint : undefined })
    process.exitCode = known ? error.exitCode : EXIT.internal
  } finally {
    await forget(options.arch)
    if (process.connected) process.disconnect()
  }
}

/** Resolves at the abort; the timer keeps the process alive meanwhile. */
function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const awake = setInterval(() => undefined, 60_000)
    const end = () => {
      clearInterval(awake)
      done()
    }
    if (signal.aborted) end()
    else signal.addEventListener('abort', end, { once: true })
  })
}
