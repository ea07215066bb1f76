/** What a subscriber makes of the frames it gets. The lab's own fold, so that the system's is not judged by itself. */

const MAPS = ['byProduct', 'byStore', 'byType', 'byHour'] as const
type Totals = Partial<Record<(typeof MAPS)[number], Record<string, { count: number }>>>

export interface Frame extends Totals {
  kind: 'full' | 'diff'
  version: number
  /** Of a diff: the version it applies to. */
  from: number
  count: number
}

/** Every API replica sends all its clients the same bytes, so one parse serves thousands of sockets: these many frames are remembered. */
const REMEMBERED = 8

/** Parses frames, each distinct one once. `undefined` for what is no dashboard message. */
export function frameReader(): (data: Buffer) => Frame | undefined {
  const remembered: { data: Buffer; frame: Frame | undefined }[] = []
  return (data) => {
    const known = remembered.find((entry) => entry.data.length === data.length && entry.data.equals(data))
    if (known) return known.frame
    const frame = parseFrame(data)
    remembered.unshift({ data, frame })
    remembered.length = Math.min(remembered.length, REMEMBERED)
    return frame
  }
}

function parseFrame(data: Buffer): Frame | undefined {
  let message: Partial<Frame> | null
  try {
    message = JSON.parse(data.toString()) as Partial<Frame> | null
  } catch {
    return undefined
  }
  if (message?.kind !== 'full' && message?.kind !== 'diff') return undefined
  if (!Number.isSafeInteger(message.version) || !Number.isSafeInteger(message.count)) return undefined
  if (message.kind === 'diff' && !Number.isSafeInteger(message.from)) return undefined
  return message as Frame
}

/** What one socket holds. */
export interface Held {
  /** -1 before the first frame. */
  version: number
  count: number
  /** A full one was asked for; diffs are passed over until it comes. */
  resyncing: boolean
}

export function nothingHeld(): Held {
  return { version: -1, count: 0, resyncing: false }
}

/** Applies a frame in place. `resync`: a full one must be asked for. Otherwise a broken promise, in words, or that it was taken. */
export function receive(held: Held, frame: Frame): 'taken' | 'resync' | 'passed over' | { violation: string } {
  if (frame.version < held.version) return { violation: `version went back from ${held.version} to ${frame.version}` }
  if (frame.kind === 'diff') {
    if (held.resyncing) return 'passed over'
    if (frame.from !== held.version) {
      held.resyncing = true
      return 'resync'
    }
  }
  const before = held.count
  held.version = frame.version
  held.count = frame.count
  held.resyncing = false
  return frame.count < before ? { violation: `version ${frame.version}: count went back from ${before} to ${frame.count}` } : 'taken'
}

/** The counts by key of one socket, folded from full and diff frames, to see whether they add up. */
export function totalsFold(): (frame: Frame) => string | undefined {
  let held: Record<string, Map<string, number>> = {}
  return (frame) => {
    if (frame.kind === 'full') held = {}
    for (const map of MAPS) {
      const counts = (held[map] ??= new Map())
      for (const [key, tally] of Object.entries(frame[map] ?? {})) counts.set(key, tally.count)
      const sum = [...counts.values()].reduce((total, count) => total + count, 0)
      if (sum !== frame.count) return `version ${frame.version}: ${map} adds up to ${sum}, count says ${frame.count}`
    }
    return undefined
  }
}
