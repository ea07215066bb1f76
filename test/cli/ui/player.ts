/**
 * Plays a told run through the real picture, for the tmux tests and for looking at it.
 *   node player.mjs <ending> <speed> [until] [wait-ms] [end: quit | throw | exit | uncaught | noise]
 * `until` is a second of the load where the story stops; it then waits `wait-ms` for keys before it ends as told.
 */
import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { summaryText } from '../../../src/cli/plain.ts'
import { showPicture } from '../../../src/cli/ui/picture.tsx'
import type { RunEvent } from '../../../src/run/events.ts'
import { story, type Ending } from './story.ts'

const [ending = 'passed', speed = '20', until = 'end', wait = '0', how = 'quit'] = process.argv.slice(2)
if (process.env.TELL_FILE !== undefined) process.on('SIGHUP', () => {})
const stop = new AbortController()
let asked = 0

async function* play(): AsyncGenerator<RunEvent> {
  let before: number | undefined
  for (const event of story(ending as Ending)) {
    if (stop.signal.aborted) break
    const gap = before === undefined ? 0 : (event.atMs - before) / Number(speed)
    if (gap >= 1) await sleep(gap, undefined, { signal: stop.signal }).catch(() => {})
    before = event.atMs
    yield event
    if (event.type === 'sample' && String(event.second) === until) break
  }
  const held = setInterval(() => {}, 1_000)
  await sleep(Number(wait), undefined, { signal: stop.signal }).catch(() => {})
  clearInterval(held)
  if (how === 'noise') {
    console.log('a library logs')
    console.error('a library complains')
    process.emitWarning('a library warns')
    await sleep(1_500)
  }
  if (how === 'throw') throw new Error('the events broke')
  if (how === 'exit') process.exit(5)
  if (how === 'uncaught')
    setImmediate(() => {
      throw new Error('nobody caught this')
    })
  if (how === 'uncaught') await sleep(500)
}

const onQuit = () => {
  asked += 1
  if (asked === 2) stop.abort()
}

try {
  const state = await showPicture(play(), {
    stdout: process.stdout,
    stdin: process.stdin,
    stderr: process.stderr,
    onQuit,
    color: (process.env.NO_COLOR ?? '') === '',
    title: 'told run',
  })
  console.log(
    summaryText(state, { color: (process.env.NO_COLOR ?? '') === '', width: process.stdout.columns, reportPath: 'results/told/report.md' }),
  )
  console.log(`asked to stop: ${asked}`)
} catch (error) {
  console.error(`caught: ${String(error)}`)
}
console.log('PLAYED')
if (process.env.TELL_FILE !== undefined) writeFileSync(process.env.TELL_FILE, `played, state kept`)
