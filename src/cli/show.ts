import type { RunEvent } from '../run/events.ts'
import type { RunState } from '../run/state.ts'
import { initialState, reduce } from '../run/state.ts'
import { plainLog, summaryText } from './plain.ts'

export interface ShowOptions {
  plain?: boolean
  tui?: boolean
  json?: boolean
}

/** Which of the three forms a person or a pipe gets. */
export function formOf(options: ShowOptions): 'picture' | 'plain' | 'json' {
  if (options.json === true) return 'json'
  const terminal = process.stdout.isTTY && process.stdin.isTTY && process.env.TERM !== 'dumb'
  return options.plain === true || options.tui === false || !terminal ? 'plain' : 'picture'
}

export function wantsColor(): boolean {
  return process.stdout.isTTY === true && (process.env.NO_COLOR ?? '') === '' && process.env.TERM !== 'dumb'
}

/** Shows a run while it goes on, and its summary at the end; resolves with its last state. */
export async function show(events: AsyncIterable<RunEvent>, options: ShowOptions, onQuit: () => void, reportPath: () => string | undefined): Promise<RunState> {
  const form = formOf(options)
  if (form === 'json') return showJson(events)
  const state =
    form === 'picture'
      ? await (await import('./ui/picture.tsx')).showPicture(events, { stdout: process.stdout, stdin: process.stdin, stderr: process.stderr, onQuit, color: wantsColor() })
      : await plainLog(events, { write: (line) => process.stderr.write(`${line}\n`) })
  process.stdout.write(`${summaryText(state, { color: wantsColor(), width: process.stdout.columns ?? 80, reportPath: reportPath() })}\n`)
  return state
}

async function showJson(events: AsyncIterable<RunEvent>): Promise<RunState> {
  let state = initialState
  for await (const event of events) {
    state = reduce(state, event)
    process.stdout.write(`${JSON.stringify(event)}\n`)
  }
  return state
}
