/**
 * From `lab down` until nothing of the system is left on the engine: v2 and v3, taken in turns. Needs what the Docker tests need; v3 Java 17 and Maven too.
 *   npm run bench:docker-down -- [rounds] [architectures …]
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { thingsOf } from '../src/runtime/docker/removal.ts'
import { startEngine } from '../test/docker/engine.ts'

const rounds = Number(process.argv[2] ?? 5)
const archs = process.argv.length > 3 ? process.argv.slice(3) : ['v2', 'v3']
const engine = await startEngine([], ['kafka', 'flink', 'clickhouse'])
if (typeof engine === 'string') throw new Error(engine)
await using started = engine
const options = { cwd: fileURLToPath(new URL('..', import.meta.url)), env: { ...process.env, ...started.env }, maxBuffer: 8 * 1024 ** 2 }
const lab = (...words: string[]) => promisify(execFile)('./lab', words, options)

for (const arch of archs) await lab('setup', '--arch', arch, '--runtime', 'docker')
const took = Object.fromEntries(archs.map((arch) => [arch, [] as number[]]))
for (let round = 1; round <= rounds; round += 1) {
  for (const arch of archs) {
    await lab('up', '--arch', arch, '--port', '18650', '--runtime', 'docker')
    const began = performance.now()
    await lab('down', '--arch', arch)
    const left = await thingsOf(started.docker)
    took[arch]!.push((performance.now() - began) / 1_000)
    if (left.length > 0) throw new Error(`left of ${arch}: ${left.map(({ kind, name }) => `${kind} ${name}`).join(', ')}`)
    console.log(`round ${round}: ${arch} down in ${took[arch]!.at(-1)!.toFixed(2)} s`)
  }
}
for (const arch of archs) {
  const sorted = took[arch]!.toSorted((a, b) => a - b)
  console.log(`${arch}: median ${sorted[Math.floor(sorted.length / 2)]!.toFixed(2)} s, at most ${sorted.at(-1)!.toFixed(2)} s`)
}
