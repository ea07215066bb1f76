import { int, num } from './numbers.ts'
import type { Return, SpikeFigures } from './spike.ts'
import type { Summary } from './summarise.ts'
import { table } from './table.ts'

/** How long until p99 and backlog were as before the spike. */
export function spikeSection({ spike }: Summary): string {
  if (spike === undefined) return ''
  const { base, hold, p99, backlog } = spike
  const row = (name: string, one: Return, text: (value: number) => string) => [name, ...[one.before, one.highest, one.atMost].map((value) => (value === undefined ? '–' : text(value))), one.says]
  return [
    '## Back after the spike',
    table(['', 'before', 'highest', 'back is at most', 'back'], [row('p99 of orders, ms', p99, num), row('backlog, events', backlog, int)], 1),
    `Before: median of the seconds of ${base}. Back: three seconds in a row, p99 within 1.5 times of before or 10 ms more, the backlog within a second of base load; counted from the end of ${hold} to the end of the first of the three, in whole seconds.`,
  ].join('\n\n')
}

/** `p99 back within 4 s of the spike, backlog not within the run (12 s after the spike)` */
export function spikeText({ p99, backlog }: SpikeFigures): string {
  return [['p99', p99] as const, ['backlog', backlog] as const].map(([name, one]) => (one.says === 'never left it' ? `${name} never left its level` : `${name} back ${one.says}${one.backAfterSeconds === undefined ? '' : ' of the spike'}`)).join(', ')
}
