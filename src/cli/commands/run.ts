import { existsSync } from 'node:fs'
import { join, relative } from 'node:path'
import { planRun, type RunOptions } from '../../experiment/plan.ts'
import { play } from '../../experiment/breakpoint.ts'
import { EXIT } from '../../run/errors.ts'
import { local } from '../../runtime/local/local.ts'
import { onInterruption } from '../interruption.ts'
import { formOf, show, type ShowOptions } from '../show.ts'

export async function runCommand(scenario: string, options: Omit<RunOptions, 'scenario'> & ShowOptions): Promise<void> {
  const plan = await planRun({ ...options, scenario }, local, commandLine())
  using interruptions = onInterruption((line) => {
    if (formOf(options) !== 'picture') process.stderr.write(`lab: ${line}\n`)
  })
  const state = await show(play(plan, interruptions.signal), options, interruptions.interrupt, () => reportOf(join(plan.resultsDir, plan.runId)))
  process.exitCode = state.ended?.exitCode ?? EXIT.internal
}

function reportOf(folder: string): string | undefined {
  const path = [folder, `${folder}.partial`].map((one) => join(one, 'report.md')).find((one) => existsSync(one))
  return path === undefined ? undefined : relative(process.cwd(), path)
}

/** As typed, with what a shell would need quoted. */
function commandLine(): string {
  const quoted = process.argv.slice(2).map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`))
  return ['./lab', ...quoted].join(' ')
}
