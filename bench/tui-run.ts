/**
 * The bundled half of tui.ts: feeds a told run, one second of it a second, to the picture or to nothing but the
 * reducer, and prints the CPU time that the measured stretch took as JSON.
 *   node tui-run.mjs picture|plain <columns> <rows> <seconds>
 */
import { EventEmitter } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { plainLog } from '../src/cli/plain.ts'
import { showPicture, type PictureOptions } from '../src/cli/ui/picture.tsx'
import type { RunEvent } from '../src/run/events.ts'
import { story } from '../test/cli/ui/story.ts'

const [kind = 'picture', columns = '200', rows = '50', seconds = '20'] = process.argv.slice(2)
const WARM_SECONDS = 4
/** Begins here: the charts are already half full and go on filling while it is measured. */
const FROM_SECOND = 25

let bytes = 0
let writes = 0
const terminal = Object.assign(new EventEmitter(), {
  columns: Number(columns),
  rows: Number(rows),
  isTTY: true,
  writable: true,
  fd: 1,
  write(text: string, done?: () => void) {
    if (text.length > 200) writes += 1
    bytes += text.length
    if (typeof done === 'function') done()
    return true
  },
})
const keyboard = Object.assign(new EventEmitter(), { isTTY: false })

let began = { cpu: process.cpuUsage(), at: performance.now(), bytes: 0, writes: 0 }

async function* events(): AsyncGenerator<RunEvent> {
  let measured = 0
  for (const event of story('passed')) {
    yield event
    if (event.type !== 'sample' || event.second < FROM_SECOND) continue
    if (measured++ === WARM_SECONDS) began = { cpu: process.cpuUsage(), at: performance.now(), bytes, writes }
    if (measured > WARM_SECONDS + Number(seconds)) return
    await sleep(1_000)
  }
}

if (kind === 'plain') await plainLog(events(), { write: () => {} })
else
  await showPicture(events(), {
    stdout: terminal,
    stdin: keyboard,
    stderr: process.stderr,
    onQuit: () => {},
    color: true,
  } as unknown as PictureOptions)

const cpu = process.cpuUsage(began.cpu)
const cpuMs = (cpu.user + cpu.system) / 1_000
console.log(
  JSON.stringify({
    kind,
    cpuMs,
    seconds: (performance.now() - began.at) / 1_000,
    frames: writes - began.writes,
    bytes: bytes - began.bytes,
    rssMb: Math.round(process.memoryUsage.rss() / 1e6),
  }),
)
process.exit(0)
