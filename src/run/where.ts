import type { RunStarted } from './events.ts'

/** On what a run runs: `local`, or `local, with redis at cache:6379 of somebody else`. */
export function whereText({ runtime, external = [] }: Pick<RunStarted, 'runtime' | 'external'>): string {
  const others = external.map(({ service, at }) => `${service} at ${at}`)
  return others.length === 0 ? runtime : `${runtime}, external ${others.join(' and ')}`
}
