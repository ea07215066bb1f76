import { int, ms } from './numbers.ts'
import type { RunRecord } from '../run/record.ts'
import type { Summary } from './summarise.ts'

/** The way of an event as boxes in a row, with what was measured on the arrows between them, and what ran beside them. */
export interface Picture {
  /** One more than arrows. */
  boxes: { title: string; figures: string[] }[]
  arrows: string[][]
  /** Services that the flow does not name. */
  beside: { title: string; figures: string[] }[]
}

/** What keeps the events, in the words of the flows. */
const STORES = /postgres|sqlite|clickhouse|memory/i

/**
 * Made from the architecture's own flow and the run's figures alone, so it cannot show what was not there: a figure is on the arrow whose
 * ends it was measured between, and one that was not measured is on none.
 */
export function flowPicture({ run, watched }: RunRecord, summary: Summary): Picture {
  const steps = run.flow.split(/\s*[─-]+[▶>]\s*/).filter((step) => step !== '')
  const left = new Map(Object.entries(summary.resources))
  const boxes = [
    { title: 'injector', figures: [] },
    ...steps.map((title, index) => ({ title, figures: servicesIn(title, index === 0, left) })),
    ...(watched === undefined || watched.subscribers === 0 ? [] : [{ title: `${int(watched.subscribers)} subscribers`, figures: [] }]),
  ]
  const arrows = boxes.slice(1).map(() => [] as string[])
  const { offered, accepted, stored, visible } = figures(summary)
  const store = boxes.findIndex(({ title }, index) => index > 0 && STORES.test(title))
  arrows[0]?.push(...offered)
  // What the API has said yes to leaves it by the second arrow.
  arrows[1]?.push(...accepted)
  if (store >= 1) arrows[Math.max(1, store - 1)]?.push(...stored)
  if (boxes.length > steps.length + 1) arrows.at(-1)?.push(...visible)
  return { boxes, arrows, beside: [...left].map(([title, service]) => ({ title, figures: [cpuText(service)] })) }
}

/** As GitHub draws it. */
export function mermaid({ boxes, arrows, beside }: Picture): string {
  const box = (id: string, { title, figures: lines }: Picture['boxes'][number]) => `  ${id}["${[title, ...lines].map(quoted).join('<br/>')}"]`
  const arrow = (lines: readonly string[], index: number) => `  n${index} -->${lines.length === 0 ? '' : `|"${lines.map(quoted).join('<br/>')}"|`} n${index + 1}`
  return [
    'flowchart LR',
    ...boxes.map((one, index) => box(`n${index}`, one)),
    ...arrows.map(arrow),
    ...(beside.length === 0 ? [] : ['  subgraph beside["also running"]', ...beside.map((one, index) => `  ${box(`b${index}`, one)}`), '  end']),
  ].join('\n')
}

function figures({ overall, accounting, phases }: Summary): Record<'offered' | 'accepted' | 'stored' | 'visible', string[]> {
  const rates = overall ?? phases.find(({ measured }) => measured)
  const backlog = Math.max(0, ...phases.map(({ peakBacklog }) => peakBacklog ?? 0))
  const { persistedLagMs: persisted, freshnessMs: fresh } = accounting ?? {}
  return {
    offered: rates === undefined ? [] : [`${int(rates.offeredPerSecond)}/s offered`],
    accepted: rates === undefined ? [] : [`${int(rates.acceptedPerSecond)}/s accepted`, ...(rates.latencyMs ? [`after ${ms(rates.latencyMs.p50)}, p99 ${ms(rates.latencyMs.p99)}`] : [])],
    stored: [
      ...(rates?.persistedPerSecond === undefined ? [] : [`${int(rates.persistedPerSecond)}/s stored`]),
      ...(persisted === undefined ? [] : [`after ${ms(persisted.p50)}, p99 ${ms(persisted.p99)}`]),
      ...(backlog > 0 ? [`at most ${int(backlog)} waiting`] : []),
    ],
    visible: fresh === undefined || fresh.count === 0 ? [] : [`visible after ${ms(fresh.p50)}, p99 ${ms(fresh.p99)}`],
  }
}

/** Services that a step names, each at the first step that does (`kafka-2` where it names Kafka); the first step is the API. */
function servicesIn(step: string, isFirst: boolean, left: Map<string, Summary['resources'][string]>): string[] {
  const named = [...left.keys()].filter((service) => (isFirst ? service === 'api' : step.toLowerCase().includes(service.toLowerCase().replace(/-\d+$/, ''))))
  return named.map((service) => {
    const text = cpuText(left.get(service)!)
    left.delete(service)
    return named.length > 1 || isFirst ? `${service}: ${text}` : text
  })
}

function cpuText({ meanCpu, replicas }: Summary['resources'][string]): string {
  return `${replicas > 1 ? `${replicas} × ` : ''}${meanCpu.toFixed(2)} cores`
}

/** Mermaid ends a label at a quote, and reads markup in it. */
function quoted(text: string): string {
  return text.replaceAll('#', '#35;').replaceAll('"', '#quot;').replaceAll('<', '#lt;').replaceAll('>', '#gt;')
}
