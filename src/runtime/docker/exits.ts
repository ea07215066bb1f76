import { constants } from 'node:os'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type Docker from 'dockerode'
import { LABELS } from './mark.ts'

/** Tells at once when a container of a run has ended, for as long as it is not disposed. */
export interface Exits extends AsyncDisposable {
  /** @param listener gets the exit code, or undefined when the engine itself is gone */
  on(containerId: string, listener: (code: number | undefined) => void): void
}

/** An engine that is restarted, or a connection that breaks, is tried again for so long. */
const TRIES = 20
const PAUSE_MS = 250

export async function watchExits(docker: Docker, runId: string): Promise<Exits> {
  const listeners = new Map<string, (code: number | undefined) => void>()
  let stream: Readable | undefined
  let disposed = false
  let sinceNs: string | undefined

  const connect = async (): Promise<Readable> => {
    const filters = { type: ['container'], event: ['die'], label: [`${LABELS.run}=${runId}`] }
    // The engine repeats from `since` on what was missed meanwhile.
    const since = sinceNs === undefined ? {} : { since: sinceNs }
    return (await docker.getEvents({ filters, ...since } as unknown as Docker.GetEventsOptions)) as unknown as Readable
  }
  const read = async (from: Readable): Promise<void> => {
    stream = from
    const lines = createInterface({ input: from })
    // Of a stream that is destroyed it would wait for the end for ever.
    from.once('close', () => lines.close())
    try {
      for await (const line of lines) {
        const { Actor, timeNano } = JSON.parse(line) as { Actor: { ID: string; Attributes: Record<string, string> }; timeNano: number }
        sinceNs = `${Math.floor(timeNano / 1e9)}.${String(timeNano % 1e9).padStart(9, '0')}`
        listeners.get(Actor.ID)?.(Number(Actor.Attributes.exitCode))
      }
    } catch {
      // Ends it as its end does.
    }
  }
  const follow = async (first: Readable): Promise<void> => {
    await read(first)
    for (let tries = 0; tries < TRIES && !disposed; tries += 1) {
      await sleep(PAUSE_MS)
      const again = disposed ? undefined : await connect().catch(() => undefined)
      if (again === undefined) continue
      tries = 0
      await read(again)
    }
    if (!disposed) for (const listener of listeners.values()) listener(undefined)
  }
  const following = follow(await connect())
  return {
    on: (id, listener) => void listeners.set(id, listener),
    async [Symbol.asyncDispose]() {
      disposed = true
      stream?.destroy()
      await following
    },
  }
}

const SIGNALS = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]))

/** An engine says 137 for what SIGKILL ended: as Node tells it of processes. */
export function exitOf(code: number | undefined): { code: number | null; signal: string | null } {
  if (code === undefined) return { code: null, signal: null }
  const signal = code > 128 ? SIGNALS.get(code - 128) : undefined
  return signal === undefined ? { code, signal: null } : { code: null, signal }
}
