import { setTimeout as sleep } from 'node:timers/promises'
import type { Context } from '../../../context.ts'
import { reasonOf } from '../../../reason.ts'
import { causeOf, isOverState, type Cluster, type FlinkJob } from './cluster.ts'
import { Failed } from './gateway.ts'
import type { Memory } from './memory.ts'

/** How often it is looked after. */
const LOOK_MS = 250
/** So many own checkpoints, and those of the job before are needed no more. */
const OWN_CHECKPOINTS = 3

export interface Supervised {
  cluster: Cluster
  memory: Memory
  /** The name under which Flink lists the job. */
  name: string
  /** Has Flink start it, from a checkpoint where one is given. Resolves with its id. */
  submit(from: string | undefined): Promise<string>
}

export interface Supervisor extends AsyncDisposable {
  /** Resolves when all tasks of the job are at work for the first time. */
  atWork: Promise<void>
  /** The job there is, if there is one. */
  job(): string | undefined
  /** How often it was submitted, the first time included. */
  submissions(): number
}

/**
 * Sees to it that there is exactly one job: finds it where it is, submits it where it is not, and then from the newest checkpoint that works.
 * All it needs to know it asks Flink and PostgreSQL, so it may be killed at any moment.
 */
export function supervise(context: Context, { cluster, memory, name, submit }: Supervised): Supervisor {
  let current: string | undefined
  /** What the present job was started from; undefined when it is not known, or has a checkpoint of its own since. */
  let startedFrom: string | undefined
  /** Checkpoints that no job can be started from; Flink may go on naming them. */
  const damaged = new Set<string>()
  let submissions = 0
  let complaint = ''
  const atWork = Promise.withResolvers<void>()

  async function look(): Promise<void> {
    const jobs = await cluster.jobs(name)
    const job = await onlyOne(jobs)
    if (job === undefined) {
      if (current !== undefined && startedFrom !== undefined) await couldNotStart(current, startedFrom)
      current = undefined
      return await start()
    }
    current = job.id
    const { completed: named, completedCount } = await cluster.checkpoints(job.id)
    const completed = named.filter(({ path }) => !damaged.has(path))
    await memory.remember(job.id, completed)
    if (completedCount > 0) startedFrom = undefined
    if (completedCount >= OWN_CHECKPOINTS) await memory.clear(job.id)
    if (job.state === 'RUNNING' && (await cluster.isAtWork(job.id))) atWork.resolve()
    else await giveUpOnState(job, completed.at(-1)?.path)
  }

  /** Two there may be when an answer was lost: the younger one has begun no later than from the other's last checkpoint. */
  async function onlyOne(jobs: FlinkJob[]): Promise<FlinkJob | undefined> {
    const [youngest, ...others] = jobs.sort((a, b) => b.startedAtMs - a.startedAtMs)
    for (const { id } of others) {
      context.log(`cancelling job ${id}: there is ${youngest!.id}`)
      await cluster.cancel(id)
    }
    return youngest
  }

  async function start(): Promise<void> {
    const [from] = await memory.usable()
    context.failpoint('before-submit')
    context.log(`submitting the job, ${from === undefined ? 'from the beginning of the topic' : `from ${from}`}`)
    startedFrom = from
    submissions += 1
    try {
      current = await submit(from)
    } catch (error) {
      // It may be so damaged that Flink does not take the job at all.
      if (from === undefined || !(error instanceof Failed) || !isOverState(String(error.cause))) throw error
      return await strikeOff(from, error.message)
    }
    context.failpoint('after-submit')
    context.log(`job ${current} is submitted`)
  }

  /** Of a job that cannot read what it is to start from: it goes, so that the next look starts another from the checkpoint before. */
  async function giveUpOnState(job: FlinkJob, newest: string | undefined): Promise<void> {
    const from = newest ?? startedFrom
    if (from !== undefined && (await couldNotStart(job.id, from))) await cluster.cancel(job.id)
  }

  /** Was the state what the job has failed over? */
  async function couldNotStart(jobId: string, from: string): Promise<boolean> {
    const failure = await cluster.lastFailure(jobId)
    if (failure === undefined || !isOverState(failure)) return false
    await strikeOff(from, causeOf(failure))
    return true
  }

  /** Nothing is ever started from there again. */
  async function strikeOff(from: string, why: string): Promise<void> {
    context.log(`the job cannot start from ${from}, the checkpoint before it is tried: ${why}`)
    damaged.add(from)
    await memory.forget(from)
  }

  async function run(): Promise<void> {
    while (!context.signal.aborted) {
      try {
        await look()
        complaint = ''
      } catch (error) {
        // Flink or PostgreSQL is away, or it takes the gateway a moment: it is said once.
        const says = reasonOf(error)
        if (says !== complaint && !context.signal.aborted) context.log(`cannot look after the job: ${says}`)
        complaint = says
      }
      await sleep(LOOK_MS, undefined, { signal: context.signal }).catch(() => undefined)
    }
    atWork.resolve()
  }

  const running = run()
  return {
    atWork: atWork.promise,
    job: () => current,
    submissions: () => submissions,
    async [Symbol.asyncDispose]() {
      await running
    },
  }
}
