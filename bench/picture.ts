/**
 * Does the picture disturb what it shows? Pairs of baseline runs at saturation, once with the live picture in a terminal of
 * 200×50 (tmux), once with --plain, in random order. `npm run bench:picture -- [pairs]`
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { findRun } from '../src/run/find.ts'
import { readRecord } from '../src/run/record.ts'
import { largest, mean } from '../src/reports/statistics.ts'
import { median, row, thousands } from './stack.ts'

const [pairs = 5] = process.argv.slice(2).map(Number)
const lab = fileURLToPath(new URL('../lab', import.meta.url))
const socket = `load-lab-bench-${process.pid}`
const tmux = (...args: string[]) => execFileSync('tmux', ['-L', socket, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })

interface Measured {
  perSecond: number
  labCpu: number
  labRssMiB: number
}

async function measure(form: 'picture' | 'plain'): Promise<Measured> {
  const results = mkdtempSync(join(tmpdir(), 'load-lab-bench-'))
  const command = [lab, 'run', 'baseline', '--arch', 'v2', '--duration', '25', '--results', results, ...(form === 'plain' ? ['--plain'] : [])]
  if (form === 'plain') {
    try {
      execFileSync(command[0]!, command.slice(1), { stdio: 'ignore' })
    } catch {
      // The verdict is not what is measured here.
    }
  } else {
    tmux('new-session', '-d', '-x', '200', '-y', '50', `${command.join(' ')}; sleep 1`)
    while (hasSession()) await sleep(200)
  }
  const record = await readRecord(await findRun('latest', results))
  rmSync(results, { recursive: true, force: true })
  const saturation = record.phases.find((phase) => phase.name === 'saturation')!.samples
  return {
    perSecond: median(saturation.map((sample) => sample.rates.accepted)),
    labCpu: mean(saturation.map((sample) => sample.lab.cpu)),
    labRssMiB: largest(record.samples.map((sample) => sample.lab.rssBytes))! / 1024 ** 2,
  }
}

function hasSession(): boolean {
  try {
    tmux('has-session')
    return true
  } catch {
    return false
  }
}

/** Percentile bootstrap of the median, 95 %. */
function interval(values: readonly number[]): [number, number] {
  const medians = Array.from({ length: 2_000 }, () => median(values.map(() => values[Math.floor(Math.random() * values.length)]!))).sort((a, b) => a - b)
  return [medians[50]!, medians[1_949]!]
}

row('pair', 'picture, accepted/s', 'plain, accepted/s', 'ratio', 'lab CPU picture / plain', 'lab memory picture / plain, MiB')
row('---', '---:', '---:', '---:', '---:', '---:')
const ratios: number[] = []
for (let pair = 1; pair <= pairs; pair++) {
  const order = Math.random() < 0.5 ? (['picture', 'plain'] as const) : (['plain', 'picture'] as const)
  const found = new Map<string, Measured>()
  for (const form of order) found.set(form, await measure(form))
  const [picture, plain] = [found.get('picture')!, found.get('plain')!]
  ratios.push(picture.perSecond / plain.perSecond)
  row(String(pair), thousands(picture.perSecond), thousands(plain.perSecond), ratios.at(-1)!.toFixed(3), `${picture.labCpu.toFixed(3)} / ${plain.labCpu.toFixed(3)}`, `${picture.labRssMiB.toFixed(0)} / ${plain.labRssMiB.toFixed(0)}`)
}
const [low, high] = interval(ratios)
row('**median**', '', '', `${median(ratios).toFixed(3)} (95 % interval ${low.toFixed(3)} – ${high.toFixed(3)})`, '', '')
