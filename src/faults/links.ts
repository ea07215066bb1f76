import { readToxic, type ToxicKind } from '../link/toxic.ts'
import type { RunningService } from '../runtime/runtime.ts'
import type { Fault } from './fault.ts'

/** What is done to the connections of a service's clients, in the proxy that stands in front of it for the whole run. */

export const latency: Fault = onLink('latency', 10, 'replies of a service come later, for all its clients: latency:kafka=200ms±50ms, for 10 s or <for>')
export const bandwidth: Fault = onLink('bandwidth', 10, 'no more than this passes, each way: bandwidth:kafka=100kB/s, for 10 s or <for>')
export const reset: Fault = onLink('reset', undefined, 'connections are reset, all there are at once, and with <for> every new one so long')
export const resetReply: Fault = onLink('reset-reply', 2, 'a connection is reset when the reply comes: what was asked for is done, and nobody is told; for 2 s or <for>')
export const timeout: Fault = onLink('timeout', 10, 'what is sent disappears, connections stay open, for 10 s or <for>; then they are closed')
export const slowClose: Fault = onLink('slow-close', 10, 'that a connection was closed is noticed later: slow-close:redis=5s, for 10 s or <for>')

/** Silence in both directions, as when a switch fails: nobody is told, what is on its way arrives afterwards. */
export const partition: Fault = {
  says: 'cut off from the network, for 10 s or <for> (containers: all of it; processes: from its clients)',
  defaultSeconds: 10,
  linkWithoutContainers: true,
  async start(target, _lasting, signal) {
    return target.deprive ? target.deprive({ what: 'network' }) : poison(target, 'partition', undefined, signal)
  },
}

function onLink(kind: ToxicKind, defaultSeconds: number | undefined, says: string): Fault {
  return { says, defaultSeconds, onLink: true, start: (target, _lasting, signal, value) => poison(target, kind, value, signal) }
}

async function poison({ service, link }: RunningService, kind: ToxicKind, value: string | undefined, signal: AbortSignal): Promise<AsyncDisposable> {
  if (!link) throw new Error(`nothing stands in front of ${service} that could break its connections`)
  const read = readToxic(kind, value)
  if (!read.ok) throw new Error(`${kind} ${value}: it ${read.says}`)
  const healing = await link.add(read.toxic)
  return {
    async [Symbol.asyncDispose]() {
      try {
        await healing[Symbol.asyncDispose]()
      } catch (error) {
        // The proxy goes down with everything else, and what it does to connections with it.
        if (!signal.aborted) throw error
      }
    },
  }
}
