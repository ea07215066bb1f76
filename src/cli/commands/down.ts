import { setTimeout as sleep } from 'node:timers/promises'
import { EXIT, LabError } from '../../run/errors.ts'
import { isAlive } from '../../runtime/processes.ts'
import { listKept } from '../keeper.ts'

const LIMIT_MS = 30_000

export async function downCommand(options: { arch?: string }): Promise<void> {
  const up = (await listKept()).filter((kept) => options.arch === undefined || kept.arch === options.arch)
  if (up.length === 0 && options.arch !== undefined) throw new LabError(EXIT.usage, `${options.arch} is not up`, 'lab up --arch <id> brings one up')
  if (up.length === 0) process.stderr.write('nothing is up\n')
  for (const kept of up) {
    process.kill(kept.keeper.pid, 'SIGTERM')
    const untilMs = Date.now() + LIMIT_MS
    while (isAlive(kept.keeper)) {
      if (Date.now() > untilMs) throw new LabError(EXIT.internal, `${kept.arch} did not come down in ${LIMIT_MS / 1_000} s`, 'lab clean removes what is left')
      await sleep(50)
    }
    process.stdout.write(`${kept.arch} is down\n`)
  }
}
