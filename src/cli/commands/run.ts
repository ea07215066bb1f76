import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { planRun, type RunOptions } from '../../experiment/plan.ts'
import { faultsBeyond } from '../../experiment/plan-faults.ts'
import { play } from '../../experiment/breakpoint.ts'
import { appendJobSummary } from '../../reports/job-summary.ts'
import { shortReport } from '../../reports/markdown.ts'
import { summarise } from '../../reports/summarise.ts'
import { readRecord } from '../../run/record.ts'
import { EXIT, LabError } from '../../run/errors.ts'
import { askedRuntime, chooseRuntime } from '../../runtime/docker/choose.ts'
import { local } from '../../runtime/local/local.ts'
import { onInterruption } from '../interruption.ts'
import { shellWord } from '../shell-word.ts'
import { formOf, show, type ShowOptions } from '../show.ts'

export async function runCommand(scenario: string, options: Omit<RunOptions, 'scenario'> & ShowOptions & { runtime?: string }): Promise<void> {
  const asked = askedRuntime(options.runtime)
  const planned = await planRun({ ...options, scenario }, local, commandLine())
  using interruptions = onInterruption((line) => {
    if (formOf(options) !== 'picture') process.stderr.write(`lab: ${line}\n`)
  })
  const runtime = await chooseRuntime(asked, planned.composeFiles, interruptions.signal, (line) => process.stderr.write(`lab: ${line}\n`))
  const beyond = faultsBeyond(planned, runtime.name)
  if (beyond.length > 0) throw new LabError(EXIT.usage, beyond.join('\n'), '--runtime docker')
  const plan = { ...planned, runtime }
  const state = await show(play(plan, interruptions.signal), options, interruptions.interrupt, () => reportOf(join(plan.resultsDir, plan.runId)))
  process.exitCode = state.ended?.exitCode ?? EXIT.internal
  await tellJob(join(plan.resultsDir, plan.runId))
}

function reportOf(folder: string): string | undefined {
  const path = folderOf(folder)
  return path === undefined ? undefined : relative(process.cwd(), join(path, 'report.md'))
}

/** Where the run's report is: the folder of a run that did not come to its end keeps its suffix. */
function folderOf(folder: string): string | undefined {
  return [folder, `${folder}.partial`].find((one) => existsSync(join(one, 'report.md')))
}

async function tellJob(folder: string): Promise<void> {
  const path = folderOf(folder)
  if (path === undefined || (process.env['GITHUB_STEP_SUMMARY'] ?? '') === '') return
  const record = await readRecord(path)
  await appendJobSummary(record.state.search === undefined ? shortReport(record, summarise(record)) : await readFile(join(path, 'report.md'), 'utf8'))
}

/** As typed, with what a shell would need quoted. */
function commandLine(): string {
  return ['./lab', ...process.argv.slice(2).map(shellWord)].join(' ')
}
