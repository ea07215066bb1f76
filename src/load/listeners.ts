import { WebSocket } from 'ws'
import type { SubscriberPlan, SubscriberSnapshot } from './control.ts'
import { frameReader, nothingHeld, receive, totalsFold } from './dashboard-frames.ts'
import type { SelfUsage } from './self-usage.ts'

const CONNECT_TICK_MS = 20
const FIRST_BACKOFF_MS = 200
const LONGEST_BACKOFF_MS = 5_000
/** For the closing handshake. */
const CLOSE_GRACE_MS = 1_000
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024
const MAX_VIOLATIONS = 100

export interface Listeners {
  snapshot(self: SelfUsage): SubscriberSnapshot
  /** Closes all sockets; resolves when none is left. */
  stop(): Promise<void>
}

/** Opens `count` sockets at `connectRate` a second, and opens again what drops, after a backoff at random. */
export function listen(plan: SubscriberPlan): Listeners {
  const read = frameReader()
  const connected = new Map<number, { socket: WebSocket; held: ReturnType<typeof nothingHeld> }>()
  const totals = { dropped: 0, messages: 0, bytes: 0, resyncs: 0, violations: [] as string[] }
  const backoff = new Set<NodeJS.Timeout>()
  const alive = new Set<WebSocket>()
  let noneLeft: (() => void) | undefined
  let seen: [number, number][] = []
  let witness = 0
  let witnessed = totalsFold()
  let stopped = false
  let opened = 0
  const startMs = performance.now()
  const opening = setInterval(openDue, CONNECT_TICK_MS)
  openDue()
  return { snapshot, stop }

  function openDue(): void {
    const due = Math.min(plan.count, Math.ceil(((performance.now() - startMs + CONNECT_TICK_MS) / 1000) * plan.connectRate))
    while (opened < due) open(opened++, 0)
    if (opened >= plan.count) clearInterval(opening)
  }

  function open(index: number, failures: number): void {
    const socket = new WebSocket(plan.url, { headers: plan.headers, perMessageDeflate: false, maxPayload: MAX_MESSAGE_BYTES })
    const held = nothingHeld()
    let up = false
    alive.add(socket)
    socket.on('error', () => {})
    socket.once('open', () => {
      up = true
      connected.set(index, { socket, held })
      if (!connected.has(witness)) chooseWitness(index)
      if (stopped) socket.close()
    })
    socket.on('message', (data) => receivedBy(index, socket, held, data as Buffer))
    socket.once('close', () => {
      connected.delete(index)
      alive.delete(socket)
      if (alive.size === 0) noneLeft?.()
      if (stopped) return
      if (up) totals.dropped++
      if (index === witness) chooseWitness(connected.keys().next().value ?? index)
      const waitMs = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (up ? 0 : failures)) * (0.5 + Math.random())
      const timer = setTimeout(() => {
        backoff.delete(timer)
        open(index, up ? 0 : failures + 1)
      }, waitMs)
      backoff.add(timer)
    })
  }

  /** The new one's totals are folded from its next full frame on. */
  function chooseWitness(index: number): void {
    witness = index
    witnessed = totalsFold()
    const chosen = connected.get(index)
    if (chosen && chosen.held.version >= 0 && !chosen.held.resyncing) {
      chosen.held.resyncing = true
      chosen.socket.send('{"type":"full"}')
    }
  }

  function receivedBy(index: number, socket: WebSocket, held: ReturnType<typeof nothingHeld>, data: Buffer): void {
    totals.messages++
    totals.bytes += data.length
    const frame = read(data)
    if (!frame) {
      violated(`bad frame: ${data.toString('latin1', 0, 80)}`)
      return
    }
    const result = receive(held, frame)
    if (result === 'resync') {
      totals.resyncs++
      socket.send('{"type":"full"}')
    } else if (typeof result === 'object') violated(result.violation)
    else if (result === 'taken' && index === witness) {
      seen.push([Date.now(), held.count])
      const wrong = witnessed(frame)
      if (wrong) violated(wrong)
    }
  }

  function violated(says: string): void {
    if (totals.violations.length < MAX_VIOLATIONS) totals.violations.push(says)
  }

  function snapshot(self: SelfUsage): SubscriberSnapshot {
    let lowest = Infinity
    let highest = 0
    for (const { held } of connected.values()) {
      lowest = Math.min(lowest, held.count)
      highest = Math.max(highest, held.count)
    }
    const since = seen
    seen = []
    return {
      type: 'snapshot', atMs: Date.now(), connected: connected.size, ...totals, violations: [...totals.violations],
      seen: since, lowest: connected.size > 0 ? lowest : 0, highest, ...self,
    }
  }

  async function stop(): Promise<void> {
    stopped = true
    clearInterval(opening)
    for (const timer of backoff) clearTimeout(timer)
    const none = new Promise<void>((resolve) => (noneLeft = resolve))
    if (alive.size === 0) return
    for (const { socket } of connected.values()) socket.close()
    const impatient = setTimeout(() => alive.forEach((socket) => socket.terminate()), CLOSE_GRACE_MS)
    await none
    clearTimeout(impatient)
  }
}
