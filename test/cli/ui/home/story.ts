import { loadCatalogue } from '../../../../src/cli/home-world.ts'
import { press } from '../../../../src/cli/ui/home/press.ts'
import type { PastRun } from '../../../../src/cli/ui/home/runs.ts'
import { firstState, told, type Effect, type HomeState } from '../../../../src/cli/ui/home/state.ts'
import type { Key } from '../../../../src/cli/ui/keys.ts'

/** The real one. */
export const catalogue = await loadCatalogue()

export const pastRun = (name: string, more: Partial<PastRun> = {}): PastRun => ({
  folder: `results/${name}`, name, verdict: 'passed', scenario: 'spike', architecture: 'v2', startedAt: '2026-11-21T07:45:00.000Z', extras: '', commandLine: './lab run spike --arch v2', exitCode: 0, ...more,
})

export const RUNS: readonly PastRun[] = [
  pastRun('20261121-074500-spike-v2-3fa9', { extras: 'batch=50' }),
  pastRun('20261121-070000-baseline-v1-0001', { verdict: 'failed', scenario: 'baseline', architecture: 'v1', exitCode: 7, why: 'lost 3 events' }),
  pastRun('20261120-070000-spike-v2-0002', { verdict: 'invalid', exitCode: 6 }),
  pastRun('20261119-070000-spike-v2-0003.partial', { verdict: 'aborted', exitCode: 130, why: 'interrupted' }),
  { folder: 'results/odd', name: 'odd', verdict: 'unreadable', scenario: '', architecture: '', startedAt: '', extras: '', commandLine: '', why: 'run.json is of version 9, and this lab reads version 1' },
]

export function homeAt(columns: number, rows: number, runs: readonly PastRun[] = RUNS): HomeState {
  return told(told(firstState(catalogue, { columns, rows }), { type: 'runs', runs }), { type: 'looked', lacks: { locally: {}, docker: 'no Docker engine' } })
}

const NAMED: Record<string, Key> = {
  Enter: { return: true }, Esc: { escape: true }, Tab: { tab: true }, Up: { upArrow: true }, Down: { downArrow: true }, Left: { leftArrow: true }, Right: { rightArrow: true },
  PgUp: { pageUp: true }, PgDn: { pageDown: true }, Home: { home: true }, End: { end: true }, Back: { backspace: true }, 'C-c': { ctrl: true }, 'C-u': { ctrl: true }, 'C-l': { ctrl: true },
}
export const KEY_NAMES = Object.keys(NAMED)

/** Presses one after the other: names as above, anything else as text. */
export function pressed(state: HomeState, ...keys: string[]): { state: HomeState; effects: Effect[] } {
  const effects: Effect[] = []
  for (const name of keys) {
    const result = press(state, name.startsWith('C-') ? name.slice(2) : name in NAMED ? '' : name, NAMED[name] ?? {})
    state = result.state
    effects.push(...result.effects)
  }
  return { state, effects }
}
