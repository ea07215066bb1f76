/**
 * How long a person waits: `lab --help`, and architectures up on a warm cache: null, v2 and v4 unless told otherwise.
 * `npm run bench:startup -- [rounds] [architectures …]`, so `-- 5 v3 v5`.
 */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { median, row, stack } from './stack.ts'

/** Goals, ms. */
const GOALS: Readonly<Record<string, number>> = { null: 3_000, v0: 3_000, v1: 3_000, v2: 3_000, v3: 20_000, v4: 12_000, v5: 12_000 }
const words = process.argv.slice(2)
const rounds = Number(words.find((word) => /^\d+$/.test(word)) ?? 10)
const named = words.filter((word) => !/^\d+$/.test(word))
const archs = named.length > 0 ? named : ['null', 'v2', 'v4']
for (const arch of archs) if (GOALS[arch] === undefined) throw new Error(`there is no architecture ${arch}; there are: ${Object.keys(GOALS).join(', ')}`)
const lab = fileURLToPath(new URL('../lab', import.meta.url))

async function times(what: () => unknown, after: () => unknown = () => undefined): Promise<number[]> {
  const taken: number[] = []
  for (let round = 0; round <= rounds; round++) {
    const startMs = performance.now()
    await what()
    // The first warms the caches.
    if (round > 0) taken.push(performance.now() - startMs)
    await after()
  }
  return taken
}

function report(name: string, taken: number[], goalMs: number): void {
  row(name, `${median(taken).toFixed(0)} ms`, `${Math.min(...taken).toFixed(0)} – ${Math.max(...taken).toFixed(0)} ms`, `${goalMs} ms`)
}

row(`${rounds} rounds`, 'median', 'lowest – highest', 'goal')
row('---', '---:', '---:', '---:')
report('lab --help', await times(() => execFileSync(lab, ['--help'], { stdio: 'ignore' })), 150)
for (const arch of archs) {
  let up: AsyncDisposable | undefined
  const taken = await times(
    async () => {
      up = await stack(arch)
    },
    () => up?.[Symbol.asyncDispose](),
  )
  report(`${arch} up`, taken, GOALS[arch]!)
}
