import { readFile, rename, writeFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import type { Interruption } from '../../experiment/ending.ts'
import { planMatrix, runCell, type MatrixPlan, type MissingCell } from '../../experiment/matrix.ts'
import { appendJobSummary } from '../../reports/job-summary.ts'
import { cellOf, type Cell } from '../../reports/matrix/cell.ts'
import { PRICES, pricesSchema, type Prices } from '../../reports/matrix/prices.ts'
import { costsOf, architecturesOf, matrixText } from '../../reports/matrix/text.ts'
import { judgeTiers } from '../../reports/matrix/targets.ts'
import { EXIT, LabError } from '../../run/errors.ts'
import type { Machine } from '../../run/events.ts'
import { readRecord } from '../../run/record.ts'
import { local } from '../../runtime/local/local.ts'
import { onInterruption } from '../interruption.ts'
import { plainRun } from '../plain-run.ts'

export interface MatrixOptions {
  arch: string
  scenario: string
  name: string
  rate?: string
  duration?: string
  seed?: string
  history?: string
  prices?: string
  json?: boolean
  results: string
}

/** Every scenario on every architecture; goes on where it was interrupted. */
export async function matrixCommand(options: MatrixOptions): Promise<void> {
  const prices = await readPrices(options.prices)
  const { rate, duration, seed, history } = options
  const plan: MatrixPlan = { folder: join(resolve(options.results), options.name), architectures: listed(options.arch), scenarios: listed(options.scenario), options: { rate, duration, seed, history } }
  if (!/^[\w-]+$/.test(options.name)) throw new LabError(EXIT.usage, `--name ${JSON.stringify(options.name)}: letters, digits, - and _ only`)
  const cells = await planMatrix(plan, local)
  const say = (line: string) => process.stderr.write(`lab: ${line}\n`)
  using interruptions = onInterruption(say, 'this run is torn down; the same command goes on here')
  const found: { cell: Cell; machine: Machine }[] = []
  const missing: MissingCell[] = []
  for (const [index, cell] of cells.entries()) {
    const name = `${index + 1} of ${cells.length}: ${cell.scenario} on ${cell.architecture}`
    say(`${name}${cell.folder === undefined ? '' : ', was run already'}`)
    const done = cell.folder !== undefined ? cell : await runCell(cell, plan, local, interruptions.signal, plainRun)
    if (interruptions.signal.aborted) {
      process.exitCode = (interruptions.signal.reason as Interruption).exitCode
      return
    }
    if (done.folder === undefined) missing.push(done as MissingCell)
    else {
      const record = await readRecord(done.folder)
      found.push({ cell: cellOf(record), machine: record.run.machine })
    }
  }
  await conclude(plan.folder, found, missing, prices, options.json === true, say)
}

async function conclude(folder: string, found: readonly { cell: Cell; machine: Machine }[], missing: readonly MissingCell[], prices: Prices, asJson: boolean, say: (line: string) => void): Promise<void> {
  if (found.length === 0) throw new LabError(EXIT.expectation, `no run came to its end: ${missing.map(({ architecture, scenario, why }) => `${scenario} on ${architecture}: ${why}`).join('; ')}`, `their folders are in ${folder}`)
  const cells = found.map(({ cell }) => cell)
  const text = matrixText({ cells, missing, machine: found[0]!.machine, prices })
  const json = `${JSON.stringify({ schemaVersion: 1, cells, missing, prices, architectures: architecturesOf({ cells }).map(([architecture, those]) => ({ architecture, costs: costsOf(those, prices), tiers: judgeTiers(those) })) }, null, 2)}\n`
  for (const [name, content] of [['matrix.md', text], ['matrix.json', json]] as const) {
    await writeFile(join(folder, `${name}.new`), content)
    await rename(join(folder, `${name}.new`), join(folder, name))
  }
  process.stdout.write(asJson ? json : text)
  await appendJobSummary(text)
  say(`runs and matrix: ${relative(process.cwd(), folder)}`)
  const wrong = cells.some(({ lost, lostExcused }) => lost > lostExcused)
  if (wrong) process.exitCode = EXIT.data
  else if (missing.length > 0) process.exitCode = EXIT.expectation
}

function listed(text: string): string[] {
  return [...new Set(text.split(',').map((name) => name.trim()))].filter((name) => name !== '')
}

/** Throws {@link LabError} (exit code 2) that names every field that is wrong. */
async function readPrices(path: string | undefined): Promise<Prices> {
  if (path === undefined) return PRICES
  const text = await readFile(path, 'utf8').catch((error: Error) => {
    throw new LabError(EXIT.usage, `--prices ${path} cannot be read: ${error.message}`)
  })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new LabError(EXIT.usage, `--prices ${path} is not JSON: ${(error as Error).message}`)
  }
  const parsed = pricesSchema.safeParse(value)
  if (parsed.success) return parsed.data
  throw new LabError(EXIT.usage, parsed.error.issues.map((issue) => `--prices ${path}: ${issue.path.join('.') || 'the whole'}: ${issue.message}`).join('\n'), `it must read like ${JSON.stringify(PRICES)}`)
}
