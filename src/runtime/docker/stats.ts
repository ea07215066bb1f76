import type Docker from 'dockerode'

/** What the engine's cgroup figures say of one container. */
export interface ContainerUsage {
  /** Since the container was last started. */
  cpuSeconds: number
  rssBytes: number
  processes: number
}

/** The engine's own figures, at once: without `one-shot` it would wait a second or two for a second reading. */
export async function readUsage(container: Docker.Container): Promise<ContainerUsage> {
  return usageOf((await container.stats({ stream: false, 'one-shot': true } as unknown as { stream: false })) as unknown as RawStats)
}

export interface RawStats {
  cpu_stats?: { cpu_usage?: { total_usage?: number } }
  memory_stats?: { usage?: number; stats?: Record<string, number | undefined> }
  pids_stats?: { current?: number }
}

/**
 * Memory as `RSS` of processes has it: of their own and mapped files, without what the kernel merely keeps of files read and
 * written (`usage` counts that; a database would seem to take all there is). Names differ between cgroup v1 and v2.
 */
export function usageOf({ cpu_stats: cpu, memory_stats: memory, pids_stats: pids }: RawStats): ContainerUsage {
  const { stats = {} } = memory ?? {}
  const v1 = stats.total_rss ?? stats.rss
  const rssBytes = v1 !== undefined ? v1 + (stats.total_mapped_file ?? stats.mapped_file ?? 0) : (stats.anon ?? 0) + (stats.file_mapped ?? 0)
  return { cpuSeconds: (cpu?.cpu_usage?.total_usage ?? 0) / 1e9, rssBytes, processes: pids?.current ?? 0 }
}
