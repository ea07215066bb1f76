import { compare } from '../../reports/compare/compare.ts'
import { loadRuns, sameWork } from '../../reports/compare/load.ts'
import { appendJobSummary } from '../../reports/job-summary.ts'
import { comparisonText } from '../../reports/compare/text.ts'
import type { RunStarted } from '../../run/events.ts'
import { EXIT, LabError } from '../../run/errors.ts'
import { findRun } from '../../run/find.ts'

export interface CompareOptions {
  against: string[]
  paired?: boolean
  json?: boolean
  results: string
}

/** Writes the comparison to stdout, and to the job summary where there is one; nothing anywhere else. */
export async function compareCommand(names: string[], options: CompareOptions): Promise<void> {
  if (options.paired === true && names.length !== options.against.length) {
    throw new LabError(EXIT.usage, `--paired needs as many runs on both sides: ${names.length} and ${options.against.length} were named`, 'name them in the order of their pairs')
  }
  const head = await loadRuns(await folders(names, options.results))
  const base = await loadRuns(await folders(options.against, options.results))
  const differences = sameWork(base, head)
  const comparison = compare({ base, head, paired: options.paired === true, differences })
  const text = comparisonText(comparison, title(head[0]!.described, base[0]!.described))
  process.stdout.write(options.json === true ? `${JSON.stringify(comparison, null, 2)}\n` : text)
  await appendJobSummary(text)
  process.exitCode = comparison.exitCode
}

/** `spike: v2 against v1` */
function title(head: RunStarted, base: RunStarted): string {
  return `${head.scenario.id}: ${head.architecture} against ${base.architecture === head.architecture ? 'itself' : base.architecture}`
}

/** All names that fit no run at once. */
async function folders(names: readonly string[], results: string): Promise<string[]> {
  const problems: string[] = []
  const found: string[] = []
  for (const name of names) {
    try {
      found.push(await findRun(name, results))
    } catch (error) {
      if (!(error instanceof LabError)) throw error
      problems.push(error.message)
    }
  }
  if (problems.length > 0) throw new LabError(EXIT.usage, problems.join('\n'), 'lab list runs shows what there is; --results names another folder')
  return found
}
