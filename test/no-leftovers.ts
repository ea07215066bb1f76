import { setTimeout as sleep } from 'node:timers/promises'
import { listProcesses, readEnviron, readWhereabouts } from '../src/runtime/processes.ts'
import { RUN_VARIABLE } from '../src/runtime/run-mark.ts'

const PATIENCE_MS = 20_000

/** Around the whole live suite: a process of a run that is there afterwards, and did not before, fails it. */
export function setup(): () => Promise<void> {
  const before = new Set(marked())
  return async () => {
    const untilMs = Date.now() + PATIENCE_MS
    let left = marked().filter((pid) => !before.has(pid))
    while (left.length > 0 && Date.now() < untilMs) {
      await sleep(200)
      left = marked().filter((pid) => !before.has(pid))
    }
    if (left.length > 0) throw new Error(`the tests left processes running: ${left.map((pid) => `${pid} (${readEnviron(pid).get(RUN_VARIABLE) ?? readWhereabouts(pid).cwd})`).join(', ')}`)
  }
}

function marked(): number[] {
  return listProcesses()
    .map(({ pid }) => pid)
    .filter((pid) => pid !== process.pid && (readEnviron(pid).has(RUN_VARIABLE) || isBackend(pid)))
}

/** PostgreSQL's own children write their titles over their environment; they work in the run's folder. */
function isBackend(pid: number): boolean {
  const { program, cwd } = readWhereabouts(pid)
  return program === 'postgres' && cwd !== undefined && cwd.includes('/load-lab-')
}
