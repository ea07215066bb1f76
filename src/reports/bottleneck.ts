import type { Sample } from '../run/events.ts'
import type { Bottleneck } from '../run/search.ts'
import { METRIC_NAMES } from './metric-names.ts'
import { otherLoad, TOLERABLE_OTHER_LOAD } from './other-load.ts'
import { mean } from './statistics.ts'

/** Of one core: above this a process with one thread has no more to give. */
const FULL_CORE = 0.9
/** Of all cores. */
const FULL_MACHINE = 0.92
const FULL_POOL = 0.95
/** Of all cores, waiting for a disk. */
const BUSY_DISK = 0.2
const SHOWN_SERVICES = 4

/** Servers that use several cores by themselves; everything else here has one thread that does the work: a Node process, Redis, Valkey. */
const MANY_THREADS = /^(postgres|replica|rabbitmq|kafka|clickhouse|jobmanager|taskmanager|sql-gateway)/

/** Levels that say where work piles up. */
const PILES = /_(waiting|held|open_events|lag|lag_seconds|backlog)$|backpressure/

interface Load {
  name: string
  replicas: number
  /** Cores, all replicas together. */
  cpu: number
}

/**
 * What was used up in these seconds, by the figures alone: a service that fills the one core it can use, then the machine, then a database pool, then
 * the disk. What died is known without them. Where none of these is full, it says so.
 */
export function bottleneckOf(samples: readonly Sample[], cores: number, death?: string): Bottleneck {
  const loads = loadsOf(samples)
  const machine = mean(samples.map((sample) => sample.machine.cpuBusy))
  const ioWait = mean(samples.flatMap((sample) => sample.machine.ioWaitShare ?? []))
  const pool = poolOf(samples)
  const evidence = [...cpuLines(loads, samples, machine, cores), ...(ioWait >= 0.01 ? [`${percent(ioWait)} of all cores waited for a disk`] : []), ...pileLines(samples)]
  const found = (what: Bottleneck['what'], says: string, service?: string): Bottleneck => ({ what, ...(service !== undefined && { service }), says, evidence })
  if (death !== undefined) return found('death', death)
  if (samples.length === 0) return found('undecided', 'undecided: nothing was measured')
  const full = loads.filter(({ name }) => !MANY_THREADS.test(name)).sort(byCpuPerReplica)[0]
  if (full && perReplica(full) >= FULL_CORE) return found('core', `${full.name}: ${full.replicas > 1 ? `each of ${full.replicas} replicas` : 'it'} used ${percent(perReplica(full))} of the one core it can use`, full.name)
  const others = otherLoad(samples, cores)
  if (machine >= FULL_MACHINE && others >= TOLERABLE_OTHER_LOAD * cores) return found('undecided', `undecided: the machine was ${percent(machine)} busy, ${others.toFixed(1)} of its ${cores} cores with what is not the lab's`)
  if (machine >= FULL_MACHINE) return found('machine', `the machine's CPU: ${percent(machine)} of ${cores} cores were busy, most of them with ${loads[0]?.name ?? 'nothing of the system'}`, loads[0]?.name)
  if (pool && pool.inUse >= FULL_POOL * pool.connections && pool.waiting >= 1) return found('pool', `the database pool: ${pool.inUse.toFixed(1)} of ${pool.connections.toFixed(0)} connections in use, ${pool.waiting.toFixed(0)} events waiting`)
  if (ioWait >= BUSY_DISK) return found('disk', `the disk: ${percent(ioWait)} of all cores waited for it`)
  return found('undecided', `undecided: no service filled a core, the machine was ${percent(machine)} busy`)
}

/** Busiest first. */
function loadsOf(samples: readonly Sample[]): Load[] {
  const names = [...new Set(samples.flatMap(({ services }) => Object.keys(services)))]
  return names
    .map((name) => {
      const mine = samples.flatMap(({ services }) => services[name] ?? [])
      return { name, cpu: mean(mine.map(({ cpu }) => cpu)), replicas: Math.max(1, Math.round(mean(mine.map(({ replicas }) => replicas)))) }
    })
    .sort((a, b) => b.cpu - a.cpu)
}

function perReplica({ cpu, replicas }: Load): number {
  return cpu / replicas
}

function byCpuPerReplica(a: Load, b: Load): number {
  return perReplica(b) - perReplica(a)
}

function cpuLines(loads: readonly Load[], samples: readonly Sample[], machine: number, cores: number): string[] {
  if (samples.length === 0) return []
  const injector = mean(samples.flatMap((sample) => sample.injector?.cpuShare ?? []))
  const system = loads.slice(0, SHOWN_SERVICES).map(({ name, cpu, replicas }) => `${name} ${cpu.toFixed(2)}${replicas > 1 ? ` (×${replicas})` : ''}`)
  return [`CPU in cores: ${[...system, `injector ${injector.toFixed(2)}`, `what is not the lab's ${otherLoad(samples, cores).toFixed(2)}`].join(', ')}; the machine ${percent(machine)} busy of ${cores}`]
}

function poolOf(samples: readonly Sample[]): { connections: number; inUse: number; waiting: number } | undefined {
  const level = (name: string) => samples.flatMap(({ metrics }) => metrics?.[name] ?? [])
  const connections = level('lab_pool_connections')
  if (connections.length === 0) return undefined
  return { connections: mean(connections), inUse: mean(level('lab_pool_in_use')), waiting: mean(level('lab_pool_waiting')) }
}

function pileLines(samples: readonly Sample[]): string[] {
  const names = [...new Set(samples.flatMap(({ metrics }) => Object.keys(metrics ?? {})))].filter((name) => PILES.test(name)).sort()
  const levels = names.flatMap((name) => {
    const level = mean(samples.flatMap(({ metrics }) => metrics?.[name] ?? []))
    return level < 1 ? [] : [`${METRIC_NAMES[name] ?? name} ${Math.round(level).toLocaleString('en-US')}`]
  })
  return levels.length === 0 ? [] : [`on average ${levels.join(', ')}`]
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`
}
