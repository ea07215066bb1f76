import type { Context } from '../../../context.ts'
import { counter } from '../../../metrics.ts'
import { connectPostgres } from '../../../postgres/connect.ts'
import type { V3Knobs } from '../knobs.ts'
import { createCluster } from './cluster.ts'
import { watchFigures } from './figures.ts'
import { submit } from './gateway.ts'
import { watchIntake } from './intake.ts'
import { checkpointsIn, jobText } from './job-text.ts'
import { createMemory } from './memory.ts'
import { restAt } from './rest.ts'
import { supervise } from './supervisor.ts'

/**
 * job.sql ──▶ SQL gateway ──▶ JobManager: is the job there, which checkpoints has it? ──▶ PostgreSQL remembers them
 *                 ▲                                                                             │
 *                 └─────────── forgotten (all of Flink was killed): from the newest that works ◀┘
 */
export async function startJob(context: Context<V3Knobs>): Promise<AsyncDisposable> {
  const pool = connectPostgres(context, 'job', 1, 5_000)
  const text = jobText(context)
  const gateway = restAt(context.address('flink-gateway'), context.signal, 30_000)
  const rest = restAt(context.address('flink'), context.signal)
  const supervisor = supervise(context, {
    cluster: createCluster(rest),
    memory: createMemory(pool, text.plan, checkpointsIn(context.dataFolder())),
    name: text.settings['pipeline.name']!,
    submit: (from) => submit(gateway, { ...text, settings: { ...text.settings, ...(from && { 'execution.state-recovery.path': from }) } }, context.signal),
  })
  counter('lab_flink_submissions_total', 'How often this process has submitted the job.', supervisor.submissions)
  const watchers = [watchFigures(context, rest, supervisor.job), watchIntake(context)]
  await supervisor.atWork
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all([supervisor, ...watchers].map((it) => it[Symbol.asyncDispose]()))
      await pool.end()
    },
  }
}
