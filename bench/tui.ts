/**
 * What the picture costs: CPU of a process that draws a run at 200×50, one frame a second, less that of one that
 * only keeps the run's state. Pairs in random order; medians and spread. Goal: at most 5 % of a core.
 *   node bench/tui.ts [pairs] [seconds]
 */
import { execFileSync } from 'node:child_process'
import { bundled } from '../test/cli/ui/bundle.ts'

interface Measured {
  cpuMs: number
  seconds: number
  frames: number
  bytes: number
  rssMb: number
}

const pairs = Number(process.argv[2] ?? 3)
const seconds = Number(process.argv[3] ?? 20)
using script = await bundled('bench/tui-run.ts', 'tui-run')
const env = { ...process.env, LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8', TERM: 'xterm-256color', CI: '' }
const measure = (kind: 'picture' | 'plain', columns: number, rows: number): Measured =>
  JSON.parse(execFileSync(process.execPath, [script.file, kind, String(columns), String(rows), String(seconds)], { encoding: 'utf8', env }))
const share = ({ cpuMs, seconds: took }: Measured) => cpuMs / (took * 10)
const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!

for (const [columns, rows] of [
  [200, 50],
  [80, 24],
] as const) {
  const costs: number[] = []
  let last: Measured | undefined
  for (let pair = 0; pair < pairs; pair++) {
    const order = Math.random() < 0.5 ? (['picture', 'plain'] as const) : (['plain', 'picture'] as const)
    const found = new Map(order.map((kind) => [kind, measure(kind, columns, rows)]))
    last = found.get('picture')!
    costs.push(share(last) - share(found.get('plain')!))
    console.log(
      `${columns}×${rows}: picture ${share(last).toFixed(2)} %, state alone ${share(found.get('plain')!).toFixed(2)} % of a core; ` +
        `${(last.cpuMs / last.frames).toFixed(1)} ms a frame, ${last.frames} frames, ${Math.round(last.bytes / last.frames)} bytes each, ${last.rssMb} MB`,
    )
  }
  console.log(
    `${columns}×${rows}: the picture costs ${median(costs).toFixed(2)} % of a core (${Math.min(...costs).toFixed(2)} to ${Math.max(...costs).toFixed(2)}, ${pairs} pairs of ${seconds} s); goal at 200×50: 5 %`,
  )
}
