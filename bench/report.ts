/**
 * The reports of an hour's run, made from its folder: time and memory of the whole process, size of the page. The hour is a real run of
 * the spike, every second of its load played as often as it takes. `npm run bench:report -- [rounds] [folder of a run]`
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { planRun } from '../src/experiment/plan.ts'
import { run } from '../src/experiment/run.ts'
import { local } from '../src/runtime/local/local.ts'
import { packageRoot } from '../src/runtime/entry.ts'
import { stretched } from '../test/reports/hour.ts'
import { median, row } from './stack.ts'

const [rounds = '5', given] = process.argv.slice(2)
const SECONDS = 3_600
const results = mkdtempSync(join(tmpdir(), 'load-lab-bench-'))

try {
  stretched(given ?? (await ranSpike()), join(results, 'hour'), SECONDS)
  writeFileSync(join(results, 'peak.cjs'), "process.on('exit', () => require('node:fs').writeSync(2, `${process.resourceUsage().maxRSS}\\n`))")
  const figures = Array.from({ length: Number(rounds) }, reported)
  const page = statSync(join(results, 'hour/report.html')).size
  row('reports of an hour (3,600 samples)', 'median', 'worst')
  row('---', '---:', '---:')
  row('time, s', median(figures.map(({ seconds }) => seconds)).toFixed(2), Math.max(...figures.map(({ seconds }) => seconds)).toFixed(2))
  row('memory at most, MB', median(figures.map(({ mb }) => mb)).toFixed(0), Math.max(...figures.map(({ mb }) => mb)).toFixed(0))
  row('report.html, MB', (page / 1e6).toFixed(2), '')
} finally {
  rmSync(results, { recursive: true, force: true })
}

/** The whole command, as a person calls it. */
function reported(): { seconds: number; mb: number } {
  const startedMs = performance.now()
  const env = { ...process.env, NODE_OPTIONS: `--require=${join(results, 'peak.cjs')}` }
  const { status, stderr } = spawnSync(join(packageRoot, 'lab'), ['report', 'hour', '--results', results], { env, encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return { seconds: (performance.now() - startedMs) / 1_000, mb: (Number(stderr.trim().split('\n').at(-1)) * 1_024) / 1e6 }
}

async function ranSpike(): Promise<string> {
  const plan = await planRun({ scenario: 'spike', arch: 'v2', set: [], compose: [], results }, local, 'lab run (benchmark)')
  for await (const event of run(plan, new AbortController().signal)) {
    if (event.type === 'run-ended' && event.status !== 'complete') throw new Error(`the run ${event.status}: ${event.why ?? ''}`)
  }
  return join(results, plan.runId)
}
