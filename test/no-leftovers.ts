import { setTimeout as sleep } from 'node:timers/promises'
import { listProcesses, readEnviron } from '../src/runtime/processes.ts'
import { RUN_VARIABLE } from '../src/runtime/run-mark.ts'

const PATIENCE_MS = 20_000

/** Around the whole live suite: a process that carries a run's mark afterwards, and did not before, fails it. */
export function setup(): () => Promise<void> {
  const before = new Set(marked())
  return async () => {
    const untilMs = Date.now() + PATIENCE_MS
    let left = marked().filter((pid) => !before.has(pid))
    while (left.length > 0 && Date.now() < untilMs) {
      await sleep(200)
      left = marked().filter((pid) => !before.has(pid))
    }
    if (left.length > 0) throw new Error(`the tests left processes running: ${left.map((pid) => `${pid} (${readEnviron(pid).get(RUN_VARIABLE)})`).join(', ')}`)
  }
}

function marked(): number[] {
  return listProcesses()
    .map(({ pid }) => pid)
    .filter((pid) => pid !== process.pid && readEnviron(pid).has(RUN_VARIABLE))
}
