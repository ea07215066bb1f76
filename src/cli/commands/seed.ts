import { randomInt } from 'node:crypto'
import { cannotBeFilled, checkSpace, fill } from '../../experiment/history.ts'
import { asCount, loadArchitecture } from '../../experiment/plan.ts'
import { freshRange, historyOf, MAX_HISTORY } from '../../load/history.ts'
import { MAX_SOURCE } from '../../load/order-id.ts'
import type { Interruption } from '../../experiment/ending.ts'
import { EXIT, LabError } from '../../run/errors.ts'
import { dataBase } from '../../runtime/run-folder.ts'
import { createContext } from '../../system/context.ts'
import { defaultKnobs } from '../../system/knobs.ts'
import { envOf, listKept, type Kept } from '../keeper.ts'
import { onInterruption } from '../interruption.ts'
import { clock, count } from '../ui/format.ts'

interface SeedOptions {
  arch: string
  orders: string
  days: string
  seed?: string
  json?: boolean
}

/** As far back as a timestamp may lie (2020) at any time to come. */
const MAX_DAYS = 2_000

/** Fills what `lab up` keeps running. Interrupted, it ends with what it has written; the system goes on. */
export async function seedCommand(options: SeedOptions): Promise<void> {
  const architecture = await loadArchitecture(options.arch)
  const { orders, days, seed } = await checked(options)
  const kept = await keptOne(options.arch)
  checkSpace(orders, dataBase())
  using interruptions = onInterruption((line) => process.stderr.write(`lab: ${line}\n`), 'what was written stays, the system goes on')
  const { signal } = interruptions
  const context = createContext({ env: envOf(kept), knobs: kept.knobs ?? defaultKnobs(architecture), signal })
  const toMs = Date.now()
  const history = historyOf({ orders, seed, days, toMs, ...freshRange(orders, toMs, randomInt(MAX_SOURCE + 1)) })
  const callers = (await architecture.callers?.(context)) ?? []
  const filled = await fill(architecture, context, callers, history, progress(orders))
  const interrupted = filled.orders < orders
  const result = { arch: options.arch, asked: orders, ...filled, days, seed, source: history.source, firstSequence: history.firstSequence, fromMs: history.fromMs, toMs, interrupted }
  process.stdout.write(options.json === true ? `${JSON.stringify(result)}\n` : describe(result))
  if (interrupted) process.exitCode = (signal.reason as Interruption).exitCode
}

/** Every problem at once. */
async function checked(options: SeedOptions): Promise<{ orders: number; days: number; seed: number }> {
  const problems: string[] = []
  const number = (name: string, given: string, text: string, min: number, max: number): number => {
    const value = text.trim() === '' ? NaN : Number(text)
    if (!Number.isInteger(value) || value < min || value > max) problems.push(`--${name} ${given}: must be a whole number from ${min} to ${max}`)
    return value
  }
  const orders = number('orders', options.orders, asCount(options.orders) ?? '', 1, MAX_HISTORY)
  const days = number('days', options.days, options.days, 1, MAX_DAYS)
  const seed = options.seed === undefined ? randomInt(2 ** 31) : number('seed', options.seed, options.seed, 0, 2 ** 31 - 1)
  const why = await cannotBeFilled(await loadArchitecture(options.arch))
  if (why !== undefined) problems.push(why)
  if (problems.length > 0) throw new LabError(EXIT.usage, problems.join('\n'), 'lab seed --help')
  return { orders, days, seed }
}

async function keptOne(arch: string): Promise<Kept> {
  const kept = (await listKept()).find((one) => one.arch === arch)
  if (kept === undefined) throw new LabError(EXIT.usage, `${arch} is not up`, `lab up --arch ${arch}`)
  return kept
}

/** A line a second. */
function progress(orders: number): (written: number) => void {
  const startMs = performance.now()
  let dueMs = startMs + 1_000
  return (written) => {
    const nowMs = performance.now()
    if (nowMs < dueMs) return
    dueMs = nowMs + 1_000
    const perSecond = (written / (nowMs - startMs)) * 1_000
    process.stderr.write(`${count(written)} of ${count(orders)} orders, ${count(perSecond)}/s, ${clock((orders - written) / perSecond)} left\n`)
  }
}

function describe({ arch, asked, orders, days, seconds, perSecond, seed, interrupted }: { arch: string; asked: number; orders: number; days: number; seconds: number; perSecond: number; seed: number; interrupted: boolean }): string {
  const speed = `in ${seconds.toFixed(1)} s (${count(perSecond)}/s)`
  return interrupted
    ? `${arch}: interrupted after ${count(orders)} of ${count(asked)} orders; they were written ${speed} and stay, seed ${seed}\n`
    : `${arch} has ${count(orders)} orders more, over ${days} days, written ${speed}, seed ${seed}\n`
}
