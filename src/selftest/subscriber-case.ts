import { connectSubscribers } from '../load/subscribers-client.ts'
import type { SubscriberSnapshot } from '../load/control.ts'
import { startControlled, type KnownAnswers } from './children.ts'
import { same, within, type Check } from './judge.ts'
import { PUSHER_SCRIPT, type PusherReport } from './pusher.ts'

export const SUBSCRIBER_CASE = {
  name: 'subscribers',
  says: 'a known pusher: one version skipped, all sockets closed once, one version going back, totals wrong once',
}

const COUNT = 30
/** The script's pushes, and what may be late about them. */
const LONGEST_MS = PUSHER_SCRIPT.last * 100 + 5_000

export async function subscriberChecks(file: string, servers: KnownAnswers): Promise<Check[]> {
  await using process = await startControlled(file)
  await using subscribers = await connectSubscribers(process.target)
  const port = await servers.push()
  const seen: [number, number][] = []
  const over = Promise.withResolvers<SubscriberSnapshot>()
  let last: SubscriberSnapshot | undefined
  subscribers.onSnapshot((snapshot) => {
    seen.push(...snapshot.seen)
    last = snapshot
    if (snapshot.lowest === 10 * PUSHER_SCRIPT.last && snapshot.connected === COUNT) over.resolve(snapshot)
  })
  subscribers.start({ url: `ws://127.0.0.1:${port}/ws/dashboard`, headers: {}, count: COUNT, connectRate: 500 })
  const timer = setTimeout(() => last && over.resolve(last), LONGEST_MS)
  const final = await Promise.race([over.promise, subscribers.done.then(() => Promise.reject(new Error('subscribers ended early')))])
  clearTimeout(timer)
  const report = await servers.pushed(port)
  subscribers.stop()
  await subscribers.done
  return judgeSubscribers(final, seen, report)
}

/** Pure: the last snapshot, everything the witness saw, and what the pusher did. */
export function judgeSubscribers(final: SubscriberSnapshot, seen: readonly (readonly [number, number])[], report: PusherReport): Check[] {
  const pushedAt = new Map(report.pushed.map(([atMs, count]) => [count, atMs]))
  const delays = seen.flatMap(([atMs, count]) => (pushedAt.has(count) ? atMs - pushedAt.get(count)! : [])).sort((a, b) => a - b)
  const went = final.violations.filter((violation) => violation.includes('went back')).length
  const adds = final.violations.filter((violation) => violation.includes('adds up')).length
  return [
    same('connected', COUNT, final.connected),
    same('lowest and highest count', `${10 * PUSHER_SCRIPT.last}, ${10 * PUSHER_SCRIPT.last}`, `${final.lowest}, ${final.highest}`),
    same('sockets dropped', COUNT, final.dropped),
    same('connections that the server counted', 2 * COUNT, report.connections),
    same('full ones asked for after the skipped version', COUNT, final.resyncs),
    same('violations: version went back', COUNT, went),
    same('violations: totals do not add up', 1, adds),
    same('other violations', 0, final.violations.length - went - adds),
    same('messages', report.messages, final.messages),
    same('bytes', report.bytes, final.bytes),
    within('median delay from push to sight', 0, delays[Math.floor(delays.length / 2)] ?? NaN, 1, 25),
  ]
}
