import type { RunStarted } from '../../run/events.ts'
import type { Scenario } from '../../scenarios/scenario.ts'

/** In what two runs differ. Forbidden: they did not do the same work, or not on the same machine. */
export interface Difference {
  what: string
  base: string
  head: string
  forbidden: boolean
}

type Described = Pick<RunStarted, 'scenario' | 'baseRate' | 'history' | 'machine' | 'runtime' | 'external' | 'architecture' | 'knobs' | 'versions' | 'git' | 'observe'>

/** Every difference but seed and time. What is compared (architecture, knobs, code, versions, runtime) may differ; work and machine must not. */
export function differencesBetween(base: Described, head: Described): Difference[] {
  const forbidden = [
    ...differing('scenario', workOf(base.scenario), workOf(head.scenario)),
    ...differing('base rate', base.baseRate, head.baseRate),
    ...differing('history', base.history ?? 0, head.history ?? 0),
    ...differing('machine', machineOf(base), machineOf(head)),
    ...differing('services of others', othersOf(base), othersOf(head)),
  ]
  const allowed = [
    ...differing('architecture', base.architecture, head.architecture),
    // Another architecture has other knobs: each would be named, and none would tell anything.
    ...(base.architecture === head.architecture ? differing('knob', base.knobs, head.knobs) : []),
    ...differing('runtime', base.runtime, head.runtime),
    // Collector, Prometheus and spans take of the same cores.
    ...differing('observe', base.observe ?? 'off', head.observe ?? 'off'),
    ...differing('code', codeOf(base), codeOf(head)),
    ...differing('version', base.versions, head.versions),
    ...differing('kernel', base.machine.kernel, head.machine.kernel),
  ]
  return [...forbidden.map((one) => ({ ...one, forbidden: true })), ...allowed.map((one) => ({ ...one, forbidden: false }))]
}

/** What a scenario makes the system do; not how it is called or judged. */
function workOf({ title: _title, says: _says, expectations: _expectations, ...work }: Scenario): object {
  return work
}

/** Memory in GiB: what a virtual machine sees of it changes by some pages from boot to boot. */
function machineOf({ machine }: Described): object {
  return { cpu: machine.cpuModel, cores: machine.cores, memoryGiB: Math.round(machine.memoryBytes / 2 ** 30), placement: machine.placement }
}

/** A server that the lab did not start is as much a part of the machine as its processor. */
function othersOf({ external = [] }: Described): string {
  return external.map(({ service, at }) => `${service} at ${at}`).join(', ') || 'none'
}

function codeOf({ git }: Described): string {
  return git === undefined ? 'unknown' : `${git.commit}${git.dirty ? ' with changes' : ''}`
}

/** Leaves that differ, by path: `scenario.phases[3].seconds`. */
function differing(path: string, base: unknown, head: unknown): Omit<Difference, 'forbidden'>[] {
  if (isTree(base) && isTree(head)) {
    const keys = [...new Set([...Object.keys(base), ...Object.keys(head)])]
    return keys.flatMap((key) => differing(Array.isArray(base) ? `${path}[${key}]` : `${path}.${key}`, (base as Record<string, unknown>)[key], (head as Record<string, unknown>)[key]))
  }
  const [one, other] = [text(base), text(head)]
  return one === other ? [] : [{ what: path, base: one, head: other }]
}

function isTree(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function text(value: unknown): string {
  if (value === undefined) return 'none'
  return typeof value === 'string' ? value : JSON.stringify(value)
}
