/**
 * One round of the injector's peak: its open-loop engine made greedy (the next arrival is due as soon as fewer than
 * `connections` visits are open), with unique bodies, ledger and histograms, reported as the injector would.
 * Arguments: port, connections, seconds, path. Prints orders answered with 2xx per second.
 */
import { openLoop } from '../src/load/open-loop.ts'
import { tally } from '../src/load/tally.ts'
import type { LoadPlan } from '../src/load/control.ts'

const [port, connections, seconds] = process.argv.slice(2, 5).map(Number) as [number, number, number]
const path = process.argv[5] ?? '/api/bench'
const WARMUP_US = 1e6
const plan: LoadPlan = {
  baseUrl: `http://127.0.0.1:${port}`, path, headers: {}, seed: 1, runTag: 1, injector: 0, startAtMs: Date.now(),
  phases: [{ name: 'peak', durationMs: WARMUP_US / 1000 + seconds * 1000, shape: { kind: 'constant', rate: 1 } }],
  customers: { commuter: 1 }, connections, maxOpen: connections, timeoutMs: 10_000, retries: 0,
}
const endUs = WARMUP_US + seconds * 1e6
const beginMs = performance.now()
let nowUs = 0
const clockUs = () => (nowUs = (performance.now() - beginMs) * 1000)
const counted = tally(plan.phases)
const schedule = {
  get nextUs() {
    return nowUs >= endUs ? Infinity : counted.events.inFlight < connections ? nowUs : Infinity
  },
  phase: 0,
  take() {},
}
const loop = openLoop(plan, clockUs, { schedule, tally: counted })
let shipped = 0
const reporting = setInterval(() => (shipped += JSON.stringify(counted.drain()).length), 100)
const shipping = setInterval(() => (shipped += JSON.stringify(loop.ledgers.map((ledger) => ledger.patch())).length), 1_000)
let okAtWarm = 0
setTimeout(() => (okAtWarm = counted.events.ok), WARMUP_US / 1000)
const finished = loop.done.then(() => {
  clearInterval(reporting)
  clearInterval(shipping)
})
await finished
const { ok, scheduled } = counted.events
if (ok !== scheduled) throw new Error(`${scheduled - ok} of ${scheduled} orders not ok: ${JSON.stringify(counted.errors)}`)
console.log(Math.round((ok - okAtWarm) / seconds))
