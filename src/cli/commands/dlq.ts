import { createInterface } from 'node:readline/promises'
import { loadArchitecture } from '../../experiment/plan.ts'
import { EXIT, LabError } from '../../run/errors.ts'
import type { Architecture, DeadLetter, DeadLetters } from '../../system/architecture.ts'
import { ARCHITECTURE_IDS, loadArchitecture as registered } from '../../system/architectures/index.ts'
import { createContext } from '../../system/context.ts'
import { defaultKnobs } from '../../system/knobs.ts'
import { suggest } from '../../system/suggest.ts'
import { onInterruption } from '../interruption.ts'
import { envOf, listKept } from '../keeper.ts'
import { count } from '../ui/format.ts'

interface DlqOptions {
  arch: string
  all?: boolean
  yes?: boolean
  limit: string
  json?: boolean
}

const ACTIONS = ['list', 'inspect', 'replay', 'purge'] as const
type Action = (typeof ACTIONS)[number]

/** Looks at, sends again, or throws away what a system that `lab up` keeps has put aside. */
export async function dlqCommand(action: string, ids: string[], options: DlqOptions): Promise<void> {
  const architecture = await loadArchitecture(options.arch)
  const { what, limit } = await checked(architecture, action, ids, options)
  const kept = (await listKept()).find((one) => one.arch === options.arch)
  if (kept === undefined) throw new LabError(EXIT.usage, `${options.arch} is not up`, `lab up --arch ${options.arch}`)
  using interruptions = onInterruption((line) => process.stderr.write(`lab: ${line}\n`), 'what was done stays done, the rest stays where it is')
  const context = createContext({ env: envOf(kept), knobs: kept.knobs ?? defaultKnobs(architecture), signal: interruptions.signal })
  await using letters = await architecture.deadLetters!(context)
  const chosen = options.all === true ? undefined : ids
  try {
    if (what === 'list') show(await letters.list(limit), options)
    else if (what === 'inspect') await inspect(letters, ids[0]!, options)
    else if (what === 'replay') done(await letters.replay(chosen), chosen, 'sent again', options)
    else await purge(letters, chosen, options)
  } catch (error) {
    if (error instanceof LabError) throw error
    throw new LabError(EXIT.prerequisite, `the dead letters of ${options.arch} could not be worked on: ${(error as Error).message}`, `the logs are in ${kept.logDir}`)
  }
}

/** Every problem at once. */
async function checked(architecture: Architecture, action: string, ids: readonly string[], options: DlqOptions): Promise<{ what: Action; limit: number }> {
  const problems: string[] = []
  const what = ACTIONS.find((it) => it === action)
  const limit = Number(options.limit)
  if (architecture.deadLetters === undefined) {
    const able = await Promise.all(ARCHITECTURE_IDS.map(async (id) => ((await registered(id)).deadLetters === undefined ? [] : [id])))
    problems.push(`${architecture.id} puts nothing aside that could be looked at; these do: ${able.flat().join(', ')}`)
  }
  if (what === undefined) problems.push(`dlq cannot ${JSON.stringify(action)}. Allowed: ${ACTIONS.join(', ')}.${suggest(action, [...ACTIONS])}`)
  if (!Number.isInteger(limit) || limit < 1) problems.push(`--limit ${options.limit}: must be a whole number from 1`)
  if (what === 'list' && ids.length > 0) problems.push('list shows all of them: it takes no ids')
  if (what === 'inspect' && ids.length !== 1) problems.push(`inspect takes one id, not ${ids.length}`)
  if ((what === 'replay' || what === 'purge') && (ids.length > 0) === (options.all === true)) problems.push(`${what} takes ids, or --all, and not both`)
  if (problems.length > 0) throw new LabError(EXIT.usage, problems.join('\n'), 'lab dlq --help')
  return { what: what!, limit }
}

function show(letters: readonly DeadLetter[], { json }: DlqOptions): void {
  if (json === true) return void process.stdout.write(`${JSON.stringify(letters)}\n`)
  if (letters.length === 0) process.stderr.write('there are no dead letters\n')
  for (const letter of letters) process.stdout.write(`${new Date(letter.atMs).toISOString()}  ${letter.id}\n    owner ${letter.owner}, ${attempts(letter)}: ${letter.reason}\n`)
}

async function inspect(letters: DeadLetters, id: string, { json }: DlqOptions): Promise<void> {
  const letter = (await letters.list(Infinity)).find((it) => it.id === id)
  if (letter === undefined) throw new LabError(EXIT.usage, `there is no dead letter ${JSON.stringify(id)}`, 'lab dlq list shows their ids')
  process.stdout.write(`${JSON.stringify(letter, null, json === true ? 0 : 2)}\n`)
}

async function purge(letters: DeadLetters, ids: readonly string[] | undefined, options: DlqOptions): Promise<void> {
  const many = ids === undefined ? `all ${count(await letters.count())} dead letters` : `${count(ids.length)} dead ${ids.length === 1 ? 'letter' : 'letters'}`
  if (options.yes !== true && !(await agreed(`Throw away ${many} of ${options.arch} for good?`))) {
    process.stderr.write('nothing was thrown away\n')
    return
  }
  done(await letters.purge(ids), ids, 'thrown away', options)
}

/** Asks on the terminal; without one nobody could answer. */
async function agreed(question: string): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) throw new LabError(EXIT.usage, `${question} There is no terminal to answer on: nothing was thrown away`, 'add --yes if you mean it')
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `)).trim())
  } finally {
    lines.close()
  }
}

function done(number: number, ids: readonly string[] | undefined, what: string, { json, arch }: DlqOptions): void {
  const missing = ids === undefined ? 0 : new Set(ids).size - number
  if (json === true) process.stdout.write(`${JSON.stringify({ arch, [what === 'sent again' ? 'replayed' : 'purged']: number, missing })}\n`)
  else process.stdout.write(`${count(number)} ${what}${missing > 0 ? `, ${count(missing)} not found` : ''}\n`)
  if (missing > 0) process.exitCode = EXIT.usage
}

function attempts({ attempts }: DeadLetter): string {
  return attempts === 1 ? 'tried once' : `tried ${attempts} times`
}
