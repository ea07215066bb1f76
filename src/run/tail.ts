import { open } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { join } from 'node:path'
import type { RunEvent } from './events.ts'

const POLL_MS = 200

/**
 * The events of a run as they are written, from the first one on; ends after `run-ended`, when the signal is
 * aborted, or when `alive` says that nobody writes any more. The folder may be renamed meanwhile.
 */
export async function* followEvents(folder: string, alive: () => boolean, signal: AbortSignal): AsyncGenerator<RunEvent> {
  await using file = await open(join(folder, 'events.ndjson'))
  const chunk = Buffer.alloc(1 << 16)
  let rest = Buffer.alloc(0)
  let lastLook = false
  while (!signal.aborted) {
    const { bytesRead } = await file.read(chunk, 0, chunk.length)
    if (bytesRead === 0) {
      if (lastLook) return
      lastLook = !alive()
      await sleep(POLL_MS, undefined, { signal }).catch(() => undefined)
      continue
    }
    rest = Buffer.concat([rest, chunk.subarray(0, bytesRead)])
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      const event = JSON.parse(rest.toString('utf8', 0, end)) as RunEvent
      rest = rest.subarray(end + 1)
      yield event
      if (event.type === 'run-ended') return
    }
  }
}
