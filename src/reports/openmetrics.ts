import type { Counts } from '../load/control.ts'
import type { RunRecord, TimedSample } from '../run/record.ts'
import type { Summary } from './summarise.ts'

type Labels = Record<string, string | undefined>
type Point = [labels: Labels, value: number | undefined]

interface Family {
  name: string
  type: 'gauge' | 'counter'
  unit?: 'seconds' | 'bytes' | 'ratio'
  help: string
  of(sample: TimedSample): Point[]
}

/**
 * Every sample of the run as OpenMetrics text with its own timestamps, so that a Prometheus can be filled with it afterwards
 * (`promtool tsdb create-blocks-from openmetrics`). What the run was is told once, by `lab_run_info`.
 */
export function openMetrics({ samples, run }: RunRecord, summary: Summary): string {
  const timed = samples.filter((sample) => sample.atMs !== undefined)
  const common = { run: summary.runId }
  const lines: string[] = []
  for (const family of [...FAMILIES, ...ofTheSystem(timed)]) {
    const series = new Map<string, string[]>()
    for (const sample of timed) {
      for (const [labels, value] of family.of(sample)) {
        if (value === undefined || !Number.isFinite(value)) continue
        const key = labelText({ ...common, ...labels })
        let points = series.get(key)
        if (points === undefined) series.set(key, (points = []))
        points.push(`${family.name}${family.type === 'counter' ? '_total' : ''}${key} ${value} ${(sample.atMs! / 1_000).toFixed(3)}`)
      }
    }
    if (series.size === 0) continue
    lines.push(`# TYPE ${family.name} ${family.type}`, ...(family.unit === undefined ? [] : [`# UNIT ${family.name} ${family.unit}`]), `# HELP ${family.name} ${helpText(family.help)}`)
    for (const points of series.values()) lines.push(...points)
  }
  lines.push('# TYPE lab_run info', '# HELP lab_run What was run.', `lab_run_info${labelText({ ...common, scenario: summary.scenario, architecture: summary.architecture, runtime: run.runtime, outcome: summary.verdict?.outcome ?? summary.status, cpu: run.machine.cpuModel, ...knobLabels(summary) })} 1`)
  return `${lines.join('\n')}\n# EOF\n`
}

/**
 * One sample as it is now, in Prometheus' text format: the same names as in {@link openMetrics}, without those of the system itself, which
 * tells of them on its own.
 */
export function metricsNow(sample: TimedSample, runId: string, cores: number): string {
  const machine: Family = { name: 'lab_machine_cores', type: 'gauge', help: 'Cores of the machine.', of: () => [[{}, cores]] }
  const lines = [...FAMILIES, machine].flatMap(({ name, type, help, of }) => {
    const full = `${name}${type === 'counter' ? '_total' : ''}`
    const points = of(sample).flatMap(([labels, value]) => (value === undefined || !Number.isFinite(value) ? [] : [`${full}${labelText({ run: runId, ...labels })} ${value}`]))
    return points.length === 0 ? [] : [`# HELP ${full} ${helpText(help)}`, `# TYPE ${full} ${type}`, ...points]
  })
  return `${lines.join('\n')}\n`
}

const FATES = ['ok', 'rejected', 'unknown', 'neverSent'] as const
const KINDS = ['events', 'reads'] as const

const fates = (of: (counts: Counts) => [string, number][]) => (sample: TimedSample): Point[] => KINDS.flatMap((kind) => of(sample.counts[kind]).map(([fate, value]): Point => [{ kind, fate }, value]))
const perService = (of: (service: { cpu: number; rssBytes: number; replicas: number }) => number) => (sample: TimedSample): Point[] =>
  Object.entries(sample.services).map(([service, usage]) => [{ service }, of(usage)])
const quantiles = (latency: TimedSample['latency'], labels: Labels): Point[] =>
  latency === undefined ? [] : [['0.5', latency.p50], ['0.95', latency.p95], ['0.99', latency.p99], ['1', latency.max]].map(([quantile, ms]) => [{ ...labels, quantile: quantile as string }, (ms as number) / 1_000])

const FAMILIES: Family[] = [
  { name: 'lab_requests', type: 'counter', help: 'Events and reads by what became of them.', of: fates((counts) => FATES.map((fate) => [fate, counts[fate]])) },
  { name: 'lab_requests_scheduled', type: 'counter', help: 'Events and reads that were due.', of: (sample) => KINDS.map((kind) => [{ kind }, sample.counts[kind].scheduled]) },
  { name: 'lab_requests_in_flight', type: 'gauge', help: 'Events and reads without an answer yet.', of: (sample) => KINDS.map((kind) => [{ kind }, sample.counts[kind].inFlight]) },
  { name: 'lab_latency_seconds', type: 'gauge', unit: 'seconds', help: 'Latency of what ended in this second, from the intended send time.', of: (sample) => [...quantiles(sample.latency, { kind: 'events' }), ...quantiles(sample.readLatency, { kind: 'reads' })] },
  { name: 'lab_stored_events', type: 'gauge', help: 'Events in the store.', of: (sample) => [[{}, sample.stored]] },
  { name: 'lab_backlog_events', type: 'gauge', help: 'Events accepted and not stored yet.', of: (sample) => [[{}, sample.backlog]] },
  { name: 'lab_freshness_seconds', type: 'gauge', unit: 'seconds', help: 'Age of the newest event on the dashboard.', of: (sample) => [[{}, sample.freshnessMs === undefined ? undefined : sample.freshnessMs / 1_000]] },
  { name: 'lab_service_cpu_ratio', type: 'gauge', unit: 'ratio', help: 'Cores in use by a service, all replicas.', of: perService(({ cpu }) => cpu) },
  { name: 'lab_service_memory_bytes', type: 'gauge', unit: 'bytes', help: 'Resident memory of a service, all replicas.', of: perService(({ rssBytes }) => rssBytes) },
  { name: 'lab_service_replicas', type: 'gauge', help: 'Replicas of a service.', of: perService(({ replicas }) => replicas) },
  { name: 'lab_injector_send_lag_seconds', type: 'gauge', unit: 'seconds', help: "The injector's own lateness, p99.", of: ({ injector }) => [[{}, injector && injector.sendLagP99Ms / 1_000]] },
  { name: 'lab_injector_cpu_ratio', type: 'gauge', unit: 'ratio', help: 'Share of a core that the injector used.', of: ({ injector }) => [[{}, injector?.cpuShare]] },
  { name: 'lab_subscribers_connected', type: 'gauge', help: 'Dashboard sockets that were open.', of: ({ subscribers }) => [[{}, subscribers?.connected]] },
  { name: 'lab_machine_cpu_busy_ratio', type: 'gauge', unit: 'ratio', help: 'Share of all cores that was busy.', of: ({ machine }) => [[{}, machine.cpuBusy]] },
  { name: 'lab_machine_cpu_steal_ratio', type: 'gauge', unit: 'ratio', help: 'Share of all cores that was stolen.', of: ({ machine }) => [[{}, machine.stealShare]] },
]

/** The system's own metrics, under their own names with a mark: what it counts is told per second here. */
function ofTheSystem(samples: readonly TimedSample[]): Family[] {
  const names = [...new Set(samples.flatMap(({ metrics }) => Object.keys(metrics ?? {})))].sort()
  return names
    .filter((name) => /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name))
    .map((name) => ({
      name: name.endsWith('_total') ? `lab_inside_${name.replace(/^lab_/, '').replace(/_total$/, '')}_per_second` : `lab_inside_${name.replace(/^lab_/, '')}`,
      type: 'gauge',
      help: `${name} of the system itself${name.endsWith('_total') ? ', per second' : ''}, all replicas.`,
      of: ({ metrics }) => [[{}, metrics?.[name]]],
    }))
}

function knobLabels({ knobs }: Summary): Labels {
  return Object.fromEntries(Object.entries(knobs).map(([name, value]) => [`knob_${name.replaceAll(/[^a-zA-Z0-9_]/g, '_')}`, String(value)]))
}

function labelText(labels: Labels): string {
  const written = Object.entries(labels).flatMap(([name, value]) => (value === undefined ? [] : [`${name}="${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`]))
  return `{${written.join(',')}}`
}

function helpText(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
