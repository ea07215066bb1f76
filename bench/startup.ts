/** How long a person waits: `lab --help`, and architectures up on a warm cache. `npm run bench:startup -- [rounds]` */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { median, row, stack } from './stack.ts'

const [rounds = 10] = process.argv.slice(2).map(Number)
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
for (const [arch, goalMs] of [['null', 3_000], ['v2', 3_000], ['v4', 12_000]] as const) {
  let up: AsyncDisposable | undefined
  const taken = await times(
    async () => {
      up = await stack(arch)
    },
    () => up?.[Symbol.asyncDispose](),
  )
  report(`${arch} up`, taken, goalMs)
}
