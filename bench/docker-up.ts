/**
 * From the command until everything of v2 is healthy, and from the command until nothing of it is left: the lab beside
 * docker-compose 1.29, the same images on the same engine, in pairs of random order. Needs what the Docker tests need.
 *   npm run bench:docker-up [pairs]
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { setTimeout as sleep } from 'node:timers/promises'
import { startEngine } from '../test/docker/engine.ts'

const pairs = Number(process.argv[2] ?? 5)
const engine = await startEngine()
if (typeof engine === 'string') throw new Error(engine)
await using started = engine
const { docker } = started
const root = fileURLToPath(new URL('..', import.meta.url))
const run = promisify(execFile)
const env = { ...process.env, ...started.env, API_PORTS: '18630-18639', XDG_CACHE_HOME: '/tmp/load-lab-bench-cache' }
const options = { cwd: root, env, maxBuffer: 8 * 1024 ** 2 }
const compose = (...words: string[]) => run('docker-compose', ['-f', 'compose/base.yaml', '-f', 'compose/v2.yaml', '-p', 'bench', ...words], options)

const seconds = async (work: () => Promise<unknown>): Promise<number> => {
  const began = performance.now()
  await work()
  return (performance.now() - began) / 1_000
}

const ways = {
  lab: {
    up: () => run('./lab', ['up', '--arch', 'v2', '--port', '18640', '--runtime', 'docker'], options),
    down: () => run('./lab', ['down', '--arch', 'v2'], options),
  },
  compose: {
    async up() {
      await compose('up', '-d')
      for (let tries = 0; tries < 1_000; tries += 1) {
        const healthy = await docker.listContainers({ filters: { label: ['com.docker.compose.service=api'], health: ['healthy'] } })
        if (healthy.length > 0) return
        await sleep(50)
      }
      throw new Error('the api did not get healthy')
    },
    down: () => compose('down', '-v', '-t', '2'),
  },
}

await run('./lab', ['setup', '--arch', 'v2', '--runtime', 'docker'], options)
const took: Record<string, { up: number[]; down: number[] }> = { lab: { up: [], down: [] }, compose: { up: [], down: [] } }
for (let pair = 0; pair < pairs; pair += 1) {
  const order = Math.random() < 0.5 ? (['lab', 'compose'] as const) : (['compose', 'lab'] as const)
  for (const name of order) {
    took[name]!.up.push(await seconds(ways[name].up))
    took[name]!.down.push(await seconds(ways[name].down))
  }
  console.log(`pair ${pair + 1}: ${order.map((name) => `${name} up ${took[name]!.up.at(-1)!.toFixed(2)} s, down ${took[name]!.down.at(-1)!.toFixed(2)} s`).join(' · ')}`)
}
const median = (values: number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
for (const what of ['up', 'down'] as const) {
  const ratios = took.lab![what].map((value, index) => value / took.compose![what][index]!)
  console.log(`${what}: lab ${median(took.lab![what]).toFixed(2)} s, docker-compose ${median(took.compose![what]).toFixed(2)} s, ratio ${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)})`)
}
