/**
 * v2 in containers beside v2 as plain processes, in one sitting, in pairs of random order: what it accepts when it gets all it can take, and what an
 * event costs under a constant load. The rates are injected from where each has its injectors: inside the network, and on this machine.
 * Servers are not the same builds (stand-ins for the public images there, what the lab fetches here): the report names them.
 *   npm run bench:docker-v2 -- [pairs] [steady rate per second]
 */
import { createDocker } from '../src/runtime/docker/docker.ts'
import { connectEngine } from '../src/runtime/docker/engine.ts'
import { local } from '../src/runtime/local/local.ts'
import type { Runtime } from '../src/runtime/runtime.ts'
import { scenarioSchema } from '../src/scenarios/scenario.ts'
import { startEngine } from '../test/docker/engine.ts'
import { acceptedIn, labRun, shuffled, type Measured } from './lab-run.ts'
import { median, row, thousands } from './stack.ts'

const [pairs = 5, rate = 1_000] = process.argv.slice(2).map(Number)
const engine = await startEngine()
if (typeof engine === 'string') throw new Error(engine)
await using started = engine
Object.assign(process.env, started.env)
const endpoint = { url: started.env.DOCKER_HOST!, from: 'the benchmark', transport: { kind: 'unix' as const, path: started.socket } }
const runtimes: Record<string, Runtime> = { docker: createDocker(await connectEngine(endpoint, new AbortController().signal)), local }

const scenario = scenarioSchema.parse({
  id: 'bench', title: 'bench', says: 'bench', baseRate: rate, customers: { commuter: 1 },
  phases: [
    { name: 'warmup', seconds: 5, shape: { kind: 'constant', rate: 1 }, warmup: true },
    { name: 'steady', seconds: 20, shape: { kind: 'constant', rate: 1 } },
    { name: 'flat out', seconds: 15, shape: { kind: 'saturation', connections: 64 } },
  ],
  subscribers: 2, connections: 64, timeoutMs: 10_000, settleSeconds: 60, expectations: [],
})

interface Figures {
  acceptedPerSecond: number
  cpuMsPerThousand: Record<string, number>
}

function figures(measured: Measured): Figures {
  const { accounting, resources } = measured.summary
  const wrong = [accounting?.lost, accounting?.duplicated, accounting?.altered, accounting?.miscounted.length]
  if (wrong.some((count) => count !== 0)) throw new Error(`not every event is accounted for: ${JSON.stringify(accounting)}`)
  const cpu = Object.entries(resources).flatMap(([service, { cpuMsPerThousand }]) => (cpuMsPerThousand === undefined ? [] : [[service, cpuMsPerThousand] as const]))
  return { acceptedPerSecond: acceptedIn('flat out')(measured) ?? 0, cpuMsPerThousand: Object.fromEntries(cpu) }
}

const done: Record<string, Figures[]> = { docker: [], local: [] }
row('pair', 'on', 'accepted/s flat out', 'CPU ms per thousand events')
row('---:', '---', '---:', '---')
for (let pair = 1; pair <= pairs; pair += 1) {
  for (const name of shuffled(Object.keys(runtimes))) {
    const found = figures(await labRun('v2', [], scenario, {}, undefined, runtimes[name]))
    done[name]!.push(found)
    row(String(pair), name, thousands(found.acceptedPerSecond), Object.entries(found.cpuMsPerThousand).map(([service, ms]) => `${service} ${ms.toFixed(0)}`).join(', '))
  }
}

const all = (name: string, pick: (one: Figures) => number): number[] => done[name]!.map(pick)
const sum = ({ cpuMsPerThousand }: Figures): number => Object.values(cpuMsPerThousand).reduce((a, b) => a + b, 0)
process.stdout.write('\n')
row('figure', 'docker', 'local', 'docker / local, median of the pairs (least to most)')
row('---', '---:', '---:', '---:')
for (const [what, pick, digits] of [['accepted/s flat out', ({ acceptedPerSecond }: Figures) => acceptedPerSecond, 0], ['CPU ms per thousand events, all services', sum, 1]] as const) {
  const [inside, here] = [all('docker', pick), all('local', pick)]
  const ratios = inside.map((value, index) => value / here[index]!)
  row(what, median(inside).toFixed(digits), median(here).toFixed(digits), `${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)})`)
}
