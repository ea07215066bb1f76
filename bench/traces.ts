/**
 * What does tracing cost? Pairs of baseline runs at saturation, once with `--observe` and once without, in random order.
 * With a second number the share of the events: one in so many. `npm run bench:traces -- [pairs] [one in]`
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findRun } from '../src/run/find.ts'
import { readRecord } from '../src/run/record.ts'
import { mean } from '../src/reports/statistics.ts'
import { summarise } from '../src/reports/summarise.ts'
import { median, row, thousands } from './stack.ts'

const [pairs = 5, oneIn = 50] = process.argv.slice(2).map(Number)
const lab = fileURLToPath(new URL('../lab', import.meta.url))

interface Measured {
  acceptedPerSecond: number
  /** Of API and worker, CPU-milliseconds per thousand events stored. */
  cpuMs: number
  p99Ms: number
}

async function measure(observed: boolean): Promise<Measured> {
  const results = mkdtempSync(join(tmpdir(), 'load-lab-bench-'))
  try {
    const words = ['run', 'baseline', '--arch', 'v2', '--runtime', 'local', '--duration', '25', '--results', results, '--plain', ...(observed ? ['--observe', '--traces', String(oneIn)] : [])]
    const { status, stderr } = spawnSync(lab, words, { encoding: 'utf8', timeout: 180_000 })
    // Its verdict is not what is measured here; that it came to one is.
    if (![0, 4, 6].includes(status ?? -1)) throw new Error(`lab ${words.join(' ')} ended with ${status}:\n${stderr.slice(-2_000)}`)
    const record = await readRecord(await findRun('latest', results))
    const { resources, phases } = summarise(record)
    const saturation = record.phases.find((phase) => phase.name === 'saturation')!.samples
    return {
      acceptedPerSecond: median(saturation.map((sample) => sample.rates.accepted)),
      cpuMs: mean(['api', 'worker'].map((service) => resources[service]?.cpuMsPerThousand ?? NaN)) * 2,
      p99Ms: phases.find((phase) => phase.name === 'constant')?.latencyMs?.p99 ?? NaN,
    }
  } finally {
    rmSync(results, { recursive: true, force: true })
  }
}

const ratios: Measured[] = []
for (let pair = 1; pair <= pairs; pair += 1) {
  const observedFirst = Math.random() < 0.5
  const [first, second] = [await measure(observedFirst), await measure(!observedFirst)]
  const [off, on] = observedFirst ? [second, first] : [first, second]
  ratios.push({ acceptedPerSecond: on.acceptedPerSecond / off.acceptedPerSecond, cpuMs: on.cpuMs / off.cpuMs, p99Ms: on.p99Ms / off.p99Ms })
  const told = (it: Measured) => `${thousands(it.acceptedPerSecond)}/s, ${it.cpuMs.toFixed(0)} CPU-ms per 1,000, p99 ${it.p99Ms.toFixed(1)} ms`
  console.log(`pair ${pair}: without ${told(off)}; one in ${oneIn} ${told(on)}`)
}
const spread = (values: number[]) => `${Math.min(...values).toFixed(2)} … ${Math.max(...values).toFixed(2)}`
row('with ÷ without', 'median', 'from … to')
for (const [name, of] of [['accepted/s at saturation', 'acceptedPerSecond'], ['CPU of API and worker per event', 'cpuMs'], ['p99 at constant load', 'p99Ms']] as const) {
  const values = ratios.map((ratio) => ratio[of])
  row(name, median(values).toFixed(3), spread(values))
}
