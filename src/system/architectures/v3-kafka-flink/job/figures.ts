import { setTimeout as sleep } from 'node:timers/promises'
import type { Context } from '../../../context.ts'
import { counter, gauge } from '../../../metrics.ts'
import type { Rest } from './rest.ts'

const ASK_MS = 1_000

/** Of one step of the job, over all its instances. */
export interface Step {
  busyMs: number
  backpressuredMs: number
  parallelism: number
}

/** What Flink tells of a running job. */
export interface Figures {
  restarts: number
  /** Records that came too late for any window. */
  lateDropped: number
  checkpointsCompleted: number
  checkpointsFailed: number
  checkpointMs: number
  checkpointBytes: number
  steps: ReadonlyMap<string, Step>
}

/** The largest share of a step's time between two readings, 0 to 1: the step that is busiest, or held up most, decides. */
export function largestShare(before: ReadonlyMap<string, Step>, now: ReadonlyMap<string, Step>, what: 'busyMs' | 'backpressuredMs', elapsedMs: number): number {
  const shares = [...now].map(([id, step]) => {
    const since = step[what] - (before.get(id)?.[what] ?? step[what])
    // Started anew it counts from zero.
    return since < 0 ? 0 : since / step.parallelism / Math.max(1, elapsedMs)
  })
  return Math.min(1, Math.max(0, ...shares))
}

/** Asks Flink once a second how the job is doing, and tells it as metrics of this process. While there is no answer they stay as they were. */
export function watchFigures(context: Context, rest: Rest, jobId: () => string | undefined): AsyncDisposable {
  const shown = { checkpointMs: 0, checkpointBytes: 0, busy: 0, backpressured: 0 }
  const counts = countsOverJobs()
  counter('lab_flink_restarts_total', 'Restarts of the tasks of the job by Flink.', counts.sum('restarts'))
  counter('lab_flink_late_dropped_total', 'Events that came too late for their window; totals have them.', counts.sum('lateDropped'))
  counter('lab_flink_checkpoints_total', 'Checkpoints completed.', counts.sum('checkpointsCompleted'))
  counter('lab_flink_checkpoints_failed_total', 'Checkpoints that failed.', counts.sum('checkpointsFailed'))
  gauge('lab_flink_checkpoint_seconds', 'How long the last checkpoint took from its start to its end.', () => shown.checkpointMs / 1_000)
  gauge('lab_flink_checkpoint_bytes', 'State in the last checkpoint.', () => shown.checkpointBytes)
  gauge('lab_flink_busy_ratio', 'Of the busiest step of the job, the share of its time at work.', () => shown.busy)
  gauge('lab_flink_backpressured_ratio', 'Of the step held up most by those after it, the share of its time.', () => shown.backpressured)

  async function run(): Promise<void> {
    let last: { id: string; figures: Figures; atMs: number } | undefined
    while (!context.signal.aborted) {
      const id = jobId()
      const figures = id === undefined ? undefined : await readFigures(rest, id).catch(() => undefined)
      if (id !== undefined && figures !== undefined) {
        const atMs = performance.now()
        counts.take(id, figures)
        Object.assign(shown, { checkpointMs: figures.checkpointMs, checkpointBytes: figures.checkpointBytes })
        if (last?.id === id) {
          shown.busy = largestShare(last.figures.steps, figures.steps, 'busyMs', atMs - last.atMs)
          shown.backpressured = largestShare(last.figures.steps, figures.steps, 'backpressuredMs', atMs - last.atMs)
        }
        last = { id, figures, atMs }
      }
      await sleep(ASK_MS, undefined, { signal: context.signal }).catch(() => undefined)
    }
  }

  const running = run()
  return { [Symbol.asyncDispose]: () => running }
}

type Count = 'restarts' | 'lateDropped' | 'checkpointsCompleted' | 'checkpointsFailed'

/** A job that is submitted again counts from zero: sums over all of them. Tasks that start anew do, too, and so may their late events. */
export function countsOverJobs(): { take(jobId: string, figures: Pick<Figures, Count>): void; sum(what: Count): () => number } {
  const last = new Map<string, Pick<Figures, Count>>()
  const sums: Record<Count, number> = { restarts: 0, lateDropped: 0, checkpointsCompleted: 0, checkpointsFailed: 0 }
  return {
    take(jobId, figures) {
      const before = last.get(jobId)
      for (const what of Object.keys(sums) as Count[]) {
        const then = before?.[what] ?? 0
        sums[what] += figures[what] >= then ? figures[what] - then : figures[what]
      }
      last.clear()
      last.set(jobId, figures)
    },
    sum: (what) => () => sums[what],
  }
}

interface JobDetail {
  vertices: { id: string; parallelism: number; metrics: { 'accumulated-busy-time': number | 'NaN'; 'accumulated-backpressured-time': number } }[]
}

interface CheckpointDetail {
  counts: { completed: number; failed: number }
  latest: { completed?: { end_to_end_duration: number; state_size: number } | null }
}

async function readFigures(rest: Rest, jobId: string): Promise<Figures> {
  const [job, checkpoints, [restarts]] = await Promise.all([
    rest.get<JobDetail>(`/jobs/${jobId}`),
    rest.get<CheckpointDetail>(`/jobs/${jobId}/checkpoints`),
    rest.get<{ value: string }[]>(`/jobs/${jobId}/metrics?get=numRestarts`),
  ])
  const late = await Promise.all(job.vertices.map(({ id }) => lateOf(rest, jobId, id)))
  return {
    restarts: Number(restarts?.value ?? 0),
    lateDropped: late.reduce((a, b) => a + b, 0),
    checkpointsCompleted: checkpoints.counts.completed,
    checkpointsFailed: checkpoints.counts.failed,
    checkpointMs: checkpoints.latest.completed?.end_to_end_duration ?? 0,
    checkpointBytes: checkpoints.latest.completed?.state_size ?? 0,
    steps: new Map(job.vertices.map(({ id, parallelism, metrics }) => [id, {
      parallelism, busyMs: Number(metrics['accumulated-busy-time']) || 0, backpressuredMs: metrics['accumulated-backpressured-time'] || 0,
    }])),
  }
}

/** Its operators' figures go by names that SQL has made up. */
async function lateOf(rest: Rest, jobId: string, vertexId: string): Promise<number> {
  const path = `/jobs/${jobId}/vertices/${vertexId}/subtasks/metrics`
  const names = (await rest.get<{ id: string }[]>(path)).map(({ id }) => id).filter((id) => id.endsWith('.numLateRecordsDropped'))
  if (names.length === 0) return 0
  const values = await rest.get<{ sum: number }[]>(`${path}?get=${names.map(encodeURIComponent).join(',')}&agg=sum`)
  return values.reduce((total, { sum }) => total + sum, 0)
}
