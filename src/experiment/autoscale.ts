import type { Sample } from '../run/events.ts'

/** How many replicas a service should have, decided once a second from what was measured. Pure: no clock, no processes. */
export interface AutoscaleRule {
  service: string
  min: number
  max: number
  /** The figure that is watched, of the whole service. */
  watches: 'cpu' | 'backlog'
  /** cpu: mean of a replica, in cores; backlog: events. Above this for so long: more. */
  upAbove: number
  upAfterS: number
  /** Below this for so long: fewer. */
  downBelow: number
  downAfterS: number
  /** After a change nothing is decided for so long: its effect must show first. */
  cooldownS: number
}

export interface Observation {
  /** Of a steady clock. */
  atS: number
  replicas: number
  /** `undefined`: not measured; it decides nothing, and neither hot nor cold time goes on. */
  figure: number | undefined
}

export interface AutoscaleMemory {
  /** Figures of the unbroken stretch above, or below, the bounds; the newest last. */
  hot: readonly { atS: number; figure: number }[]
  cold: readonly { atS: number; figure: number }[]
  changedAtS: number
}

export interface Decision {
  to: number
  says: string
}

export const NO_MEMORY: AutoscaleMemory = { hot: [], cold: [], changedAtS: -Infinity }
/** What a replica should come to, in cores: between the bounds, so that one change does not call for the next. */
const TARGET_CPU = 0.5

export function decide(rule: AutoscaleRule, memory: AutoscaleMemory, { atS, replicas, figure }: Observation): { memory: AutoscaleMemory; decision?: Decision } {
  const unbroken = (stretch: AutoscaleMemory['hot'], holds: boolean) => (figure === undefined || !holds ? [] : [...stretch, { atS, figure }])
  const hot = unbroken(memory.hot, figure! > rule.upAbove)
  const cold = unbroken(memory.cold, figure! < rule.downBelow)
  const next = { hot, cold, changedAtS: memory.changedAtS }
  if (atS - memory.changedAtS < rule.cooldownS) return { memory: next }
  const lasted = (stretch: AutoscaleMemory['hot']) => (stretch.length === 0 ? -1 : atS - stretch[0]!.atS)
  const figures = (stretch: AutoscaleMemory['hot']) => stretch.map((one) => one.figure)
  const changed = (to: number, says: string) => ({ memory: { ...NO_MEMORY, changedAtS: atS }, decision: { to, says } })
  if (lasted(hot) >= rule.upAfterS && replicas < rule.max) {
    const worst = Math.max(...figures(hot.slice(-3)))
    const wanted = rule.watches === 'cpu' ? Math.ceil((replicas * worst) / TARGET_CPU) : replicas + 1
    // At most doubled: a figure under overload says little about how much is needed.
    return changed(Math.min(rule.max, Math.max(replicas + 1, Math.min(wanted, replicas * 2))), `${worded(rule, worst)}, above ${worded(rule, rule.upAbove, true)} for ${Math.round(lasted(hot))} s`)
  }
  if (lasted(cold) >= rule.downAfterS && replicas > rule.min) {
    const worst = Math.max(...figures(cold))
    const wanted = rule.watches === 'cpu' ? Math.ceil((replicas * worst) / TARGET_CPU) : replicas - 1
    return changed(Math.max(rule.min, Math.min(wanted, replicas - 1)), `${worded(rule, worst)} at most, below ${worded(rule, rule.downBelow, true)} for ${Math.round(lasted(cold))} s`)
  }
  return { memory: next }
}

function worded({ watches }: AutoscaleRule, value: number, bare = false): string {
  if (watches === 'backlog') return `${bare ? '' : 'backlog '}${Math.round(value).toLocaleString('en-US')}`
  return `${Math.round(value * 100)} %${bare ? '' : ' of a core per replica'}`
}

/** Which services of a stack are scaled: the API by CPU, and the workers by backlog where there may be several of them. */
export function autoscaleRules(knobs: Readonly<Record<string, unknown>>, services: readonly string[]): AutoscaleRule[] {
  if (knobs['autoscale'] !== 'on') return []
  const api: AutoscaleRule = { service: 'api', min: API_REPLICAS.min, max: API_REPLICAS.max, watches: 'cpu', upAbove: 0.7, upAfterS: 2, downBelow: 0.3, downAfterS: 10, cooldownS: 5 }
  const { consumers } = knobs
  if (typeof consumers !== 'number' || !services.includes('worker')) return [api]
  return [api, { service: 'worker', min: consumers, max: Math.max(consumers, 16), watches: 'backlog', upAbove: 1_000, upAfterS: 2, downBelow: 100, downAfterS: 10, cooldownS: 3 }]
}

export const API_REPLICAS = { min: 2, max: 20 } as const

/** What a sample says about a rule's service. */
export function observe({ service, watches }: AutoscaleRule, { services, backlog }: Sample, atS: number): Observation | undefined {
  const usage = services[service]
  if (usage === undefined || usage.replicas === 0) return undefined
  return { atS, replicas: usage.replicas, figure: watches === 'cpu' ? usage.cpu / usage.replicas : backlog }
}

/** With `autoscale=on` the system starts with the fewest replicas that it may have. */
export function withAutoscale<Knobs extends Readonly<Record<string, unknown>>>(knobs: Knobs): Knobs {
  const { autoscale, api } = knobs
  return autoscale === 'on' && typeof api === 'number' && api < API_REPLICAS.min ? { ...knobs, api: API_REPLICAS.min } : knobs
}
