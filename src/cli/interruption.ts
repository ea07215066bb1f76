import { EXIT } from '../run/errors.ts'
import type { Interruption } from '../experiment/ending.ts'

/** Ctrl-C and its kin: the first asks for an orderly end, the second ends at once and leaves the rest to the watchdog. */
export interface Interruptions extends Disposable {
  signal: AbortSignal
  /** The same as a signal from outside: for the picture's `q`. */
  interrupt(): void
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export function onInterruption(say: (line: string) => void, words = 'the load ends, results are kept, everything is torn down'): Interruptions {
  const controller = new AbortController()
  const interrupt = (name: (typeof SIGNALS)[number] = 'SIGINT') => {
    const exitCode = name === 'SIGINT' ? EXIT.interrupted : EXIT.terminated
    if (controller.signal.aborted) process.exit(exitCode)
    say(`stopping: ${words}; once more to force`)
    controller.abort({ exitCode } satisfies Interruption)
  }
  const handlers = SIGNALS.map((name) => ({ name, handler: () => interrupt(name) }))
  for (const { name, handler } of handlers) process.on(name, handler)
  return {
    signal: controller.signal,
    interrupt: () => interrupt(),
    [Symbol.dispose]() {
      for (const { name, handler } of handlers) process.off(name, handler)
    },
  }
}
