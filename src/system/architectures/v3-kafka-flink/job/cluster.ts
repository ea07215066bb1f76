import { gist, Refused, type Rest } from './rest.ts'

/** A job as the JobManager has it. */
export interface FlinkJob {
  id: string
  state: string
  startedAtMs: number
}

export interface Checkpoint {
  /** `file:///data/checkpoints/<job>/chk-<n>` */
  path: string
  completedAtMs: number
  durationMs: number
  bytes: number
}

export interface Checkpoints {
  /** Completed ones, oldest first, as many as Flink remembers. */
  completed: Checkpoint[]
  completedCount: number
  failedCount: number
}

/** What the service `job` asks of the JobManager. Every question throws when there is no answer. */
export interface Cluster {
  /** Those of this name that have not ended. */
  jobs(name: string): Promise<FlinkJob[]>
  /** Are all its tasks at work? */
  isAtWork(jobId: string): Promise<boolean>
  checkpoints(jobId: string): Promise<Checkpoints>
  /** Why it failed the last time; undefined when it has not, or is not known any more. */
  lastFailure(jobId: string): Promise<string | undefined>
  cancel(jobId: string): Promise<void>
}

const ENDED = ['FAILED', 'CANCELED', 'FINISHED', 'SUSPENDED']

export function createCluster(rest: Rest): Cluster {
  return {
    async jobs(name) {
      const { jobs } = await rest.get<{ jobs: { jid: string; name: string; state: string; 'start-time': number }[] }>('/jobs/overview')
      return jobs.filter((job) => job.name === name && !ENDED.includes(job.state)).map((job) => ({ id: job.jid, state: job.state, startedAtMs: job['start-time'] }))
    },
    async isAtWork(jobId) {
      const { state, vertices } = await rest.get<{ state: string; vertices: { status: string }[] }>(`/jobs/${jobId}`)
      return state === 'RUNNING' && vertices.length > 0 && vertices.every(({ status }) => status === 'RUNNING')
    },
    async checkpoints(jobId) {
      const { counts, history } = await rest.get<{ counts: { completed: number; failed: number }; history: CheckpointRecord[] }>(`/jobs/${jobId}/checkpoints`)
      return { completed: history.flatMap(completedOf).sort((a, b) => a.completedAtMs - b.completedAtMs), completedCount: counts.completed, failedCount: counts.failed }
    },
    async lastFailure(jobId) {
      try {
        const { exceptionHistory } = await rest.get<{ exceptionHistory?: { entries: { stacktrace: string }[] } }>(`/jobs/${jobId}/exceptions?maxExceptions=1`)
        return exceptionHistory?.entries[0]?.stacktrace
      } catch (error) {
        if (error instanceof Refused && error.status === 404) return undefined
        throw error
      }
    },
    async cancel(jobId) {
      await rest.patch(`/jobs/${jobId}?mode=cancel`).catch((error: unknown) => {
        if (!(error instanceof Refused)) throw error
      })
    },
  }
}

interface CheckpointRecord {
  status: string
  external_path?: string
  latest_ack_timestamp: number
  end_to_end_duration: number
  state_size: number
}

function completedOf({ status, external_path: path, latest_ack_timestamp: completedAtMs, end_to_end_duration: durationMs, state_size: bytes }: CheckpointRecord): Checkpoint[] {
  return status === 'COMPLETED' && path ? [{ path, completedAtMs, durationMs, bytes }] : []
}

/** Did it fail over the state it was to start from, rather than over what it reads or writes? Told by the exceptions, as every task passes through `restore…` when it starts. */
export function isOverState(stackTrace: string): boolean {
  const exceptions = stackTrace.split(/\n|\\n/).filter((line) => !/^(\s|\\t)*(at |\.\.\. )/.test(line)).join('\n')
  return /could not restore|when trying to restore|BackendBuildingException|StateMigrationException|JobInitializationException|Cannot map checkpoint/i.test(exceptions)
}

export const causeOf = gist
