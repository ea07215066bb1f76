/**
 * The injector's process. The lab connects (control.ts), sends a plan, and gets ten snapshots and one ledger patch per
 * source a second. When the lab has been silent for 1 s the load stops by itself, and the process ends.
 */
import { perform, type Performance } from './conductor.ts'
import { serveControl, type ControlServer } from './control-channel.ts'
import type { FromInjector, LoadPlan, ToInjector } from './control.ts'
import type { OpenLoopOptions } from './open-loop.ts'
import { selfUsage } from './self-usage.ts'

const SNAPSHOT_MS = 100
const LEDGER_MS = 1_000

/** Takes over this process; resolves once it listens. */
export async function runInjector(options: Pick<OpenLoopOptions, 'latencyFrom'> = {}): Promise<void> {
  const usage = selfUsage()
  let performing: Performance | undefined
  let reporting: NodeJS.Timeout | undefined
  let ledgerDueMs = 0

  const control: ControlServer<FromInjector> = await serveControl<ToInjector, FromInjector>(process.env, {
    connected: () => control.send({ type: 'ready', pid: process.pid }),
    message(message) {
      if (message.type === 'start') start(message.plan)
      else if (message.type === 'stop') performing?.stop()
      else if (message.type === 'exit') void exit()
    },
    silence() {
      process.stderr.write('injector: nothing heard from the lab for 1 s, stopping\n')
      performing?.stop()
      report(true)
      void exit()
    },
  })
  // Ctrl-C reaches the whole terminal; what happens then is the lab's to say.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => void exit())

  function start(plan: LoadPlan): void {
    try {
      if (performing) throw new Error('already has a plan; one injector performs one')
      performing = perform(plan, options)
    } catch (error) {
      fail(error as Error)
      return
    }
    reporting = setInterval(() => report(false), SNAPSHOT_MS)
    performing.done.then(finish, fail)
  }

  function report(all: boolean): void {
    if (!performing) return
    control.send(performing.snapshot(usage.read()))
    if (!all && performance.now() < ledgerDueMs) return
    ledgerDueMs = performance.now() + LEDGER_MS
    for (const patch of performing.ledgerPatches()) control.send(patch)
  }

  function finish({ invalid }: { invalid: string[] }): void {
    clearInterval(reporting)
    report(true)
    control.send({ type: 'done', invalid })
  }

  function fail(error: Error): void {
    clearInterval(reporting)
    control.send({ type: 'error', message: error.message })
  }

  async function exit(): Promise<void> {
    await control.close()
    process.exit(0)
  }
}
