import type { RunEvent } from '../run/events.ts'
import { plainLog } from './plain.ts'

/** Tells one run of several in lines on stderr; resolves with its last event. */
export async function plainRun(events: AsyncIterable<RunEvent>): Promise<RunEvent | undefined> {
  let last: RunEvent | undefined
  async function* watched() {
    for await (const event of events) {
      last = event
      yield event
    }
  }
  await plainLog(watched(), { write: (line) => process.stderr.write(`${line}\n`) })
  return last
}
