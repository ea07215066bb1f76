import { int, num } from './numbers.ts'
import type { Summary } from './summarise.ts'
import type { Stage } from './stages.ts'
import { table } from './table.ts'
import type { StageFigures, TraceFigures } from './traces.ts'

/** What a stage is, in the words of a report. */
const SAYS: Record<Stage, string> = {
  arrive: 'from the moment it was due until the API sees the request: injector, sockets, and an API that is busy',
  receive: 'API: from the head of the request until its body is there and its sender known',
  validate: 'API: reading and checking the order',
  publish: 'API: handing it on until the broker, or the store, has it',
  wait: 'in the broker, from its acknowledgement until a worker has it',
  gather: 'in the worker, until the batch is full and it is its turn',
  store: "in the worker's transaction, until the commit",
  flink: 'in Flink and on its way into the store',
  project: 'until the dashboard that includes it is written',
  push: 'until that was sent to the sockets',
}

const BAR = 40

export function traceSection({ traces }: Pick<Summary, 'traces'>): string {
  if (traces === undefined) return ''
  const says = `One event in ${int(traces.oneIn)} was followed, chosen by its id: ${int(traces.complete)} traces are complete${traces.incomplete > 0 ? `, ${int(traces.incomplete)} are not` : ''}${traces.refused > 0 ? `, ${int(traces.refused)} were refused` : ''}; ${traces.spansDropped === 0 ? 'no span was dropped' : `**${int(traces.spansDropped)} spans were dropped**`}.`
  const { overall } = traces
  if (overall === undefined) return `## Where an event's time goes\n\n${says} No complete trace lies in a measured phase.`
  return [`## Where an event's time goes`, says, stageTable(traces, overall), 'From the moment an event was due to its last stage, in ms; the shares are of the sum over all events. By phase: p50 and share.', waterfall(traces)].filter((part) => part !== '').join('\n\n')
}

function stageTable({ phases }: TraceFigures, overall: NonNullable<TraceFigures['overall']>): string {
  const share = (value: number) => `${(value * 100).toFixed(1)} %`
  const rows = overall.stages.map((one) => [
    one.stage, num(one.p50), num(one.p95), num(one.p99), num(one.max), share(one.share),
    ...phases.map(({ stages }) => cell(stages.find(({ stage }) => stage === one.stage), share)),
    SAYS[one.stage],
  ])
  const { totalMs: all } = overall
  rows.push(['**in all**', num(all.p50), num(all.p95), num(all.p99), num(all.max), '100 %', ...phases.map(({ totalMs }) => num(totalMs.p50)), `${int(all.count)} events`])
  return table(['stage', 'p50', 'p95', 'p99', 'max', 'share', ...phases.map(({ name, totalMs }) => `${name} (${int(totalMs.count)})`), ''], rows, 1)
}

function cell(figures: StageFigures | undefined, share: (value: number) => string): string {
  return figures === undefined ? '–' : `${num(figures.p50)} · ${share(figures.share)}`
}

function waterfall({ slowest }: TraceFigures): string {
  if (slowest === undefined) return ''
  const { id, phase, totalMs, stages } = slowest
  const column = (ms: number) => (totalMs === 0 ? 0 : Math.min(BAR, Math.round((ms / totalMs) * BAR)))
  const lines = stages.map(({ stage, fromMs, ms }) => {
    const from = Math.min(BAR - 1, column(fromMs))
    const to = Math.max(from + 1, column(fromMs + ms))
    return `${stage.padEnd(9)}│${' '.repeat(from)}${'█'.repeat(to - from)}${' '.repeat(BAR - to)}│ ${num(ms).padStart(8)} ms`
  })
  return `The slowest, \`${id}\` in ${phase}, took ${num(totalMs)} ms:\n\n\`\`\`text\n${lines.join('\n')}\n\`\`\``
}
