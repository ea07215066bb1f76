import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { loadRuns, type LoadedRun } from '../reports/compare/load.ts'
import type { Build } from './build.ts'
import { oneRun, type Work } from './one-run.ts'
import type { Pair, Side } from './schedule.ts'

/** A pair as it was run. For `same`, both are of the base. */
export interface PairOfRuns extends Pair {
  /** In the order they were run. */
  runs: readonly [LoadedRun, LoadedRun]
}

export interface Sitting {
  builds: Record<Side, Build>
  work: Work
  pairs: readonly Pair[]
  /** Where the folders of its runs go. */
  folder: string
  /** Both runs of a pair get the same: the same arrivals and bodies. */
  seed: number
  signal: AbortSignal
  /** After each run: which of how many, and its figures. */
  tell(line: string): void
}

/** Runs all pairs, one run after the other, each in fresh processes and a fresh system. */
export async function sit({ builds, work, pairs, folder, seed, signal, tell }: Sitting): Promise<PairOfRuns[]> {
  const done: PairOfRuns[] = []
  for (const [index, pair] of pairs.entries()) {
    const runs: LoadedRun[] = []
    for (const [place, side] of pair.order.entries()) {
      const results = join(folder, `${String(index + 1).padStart(2, '0')}${'ab'[place]}-${pair.kind === 'same' ? 'same' : side}`)
      await mkdir(results, { recursive: true })
      const [run] = await loadRuns([await oneRun(builds[side], work, seed + index, results, signal)])
      runs.push(run!)
      tell(`pair ${index + 1} of ${pairs.length}${pair.kind === 'same' ? ', base against itself' : ''}: ${side}: ${figuresOf(run!)}`)
    }
    done.push({ ...pair, runs: [runs[0]!, runs[1]!] })
  }
  return done
}

function figuresOf({ metrics, doubt, late, wrong }: LoadedRun): string {
  const value = (id: string) => metrics.find((metric) => metric.id === id)?.value
  const figure = (name: string, unit: string, found: number | undefined) => (found === undefined ? [] : [`${name} ${Number(found.toPrecision(3)).toLocaleString('en-US')}${unit}`])
  return [...figure('saturation', '/s', value('saturation')), ...figure('CPU', ' ms/1,000', value('cpu')), ...figure('p99', ' ms', value('p99')), ...(doubt === undefined ? [] : [doubt]), ...(late === undefined || doubt !== undefined ? [] : [`latencies left out: ${late}`]), ...(wrong === undefined ? [] : [`DATA WRONG, ${wrong}`])].join(', ')
}

/** The runs by side, pair beside pair, and the pairs of the base with itself. */
export function bySide(pairs: readonly PairOfRuns[]): { base: LoadedRun[]; head: LoadedRun[]; same: [LoadedRun, LoadedRun][] } {
  const changed = pairs.filter(({ kind }) => kind === 'change')
  const of = (side: Side) => changed.map(({ order, runs }) => runs[order.indexOf(side)]!)
  return { base: of('base'), head: of('head'), same: pairs.filter(({ kind }) => kind === 'same').map(({ runs }) => [runs[0], runs[1]]) }
}
