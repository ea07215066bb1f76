import { EXIT, LabError } from '../../run/errors.ts'
import { clean, findLeftovers, type Leftover } from '../../runtime/leftovers.ts'

export async function cleanCommand(options: { dryRun?: boolean }): Promise<void> {
  if (options.dryRun === true) {
    process.stdout.write(render(findLeftovers(), 'would remove'))
    return
  }
  const leftovers = findLeftovers()
  const failed = await clean(leftovers)
  process.stdout.write(render(leftovers, 'removed'))
  if (failed.length > 0) throw new LabError(EXIT.internal, failed.join('\n'))
}

function render(leftovers: Leftover[], did: string): string {
  if (leftovers.length === 0) return 'nothing is left of dead runs\n'
  return leftovers
    .map(({ runId, processes, folders }) => `${did} of run ${runId}: ${processes.length} processes${folders.map((folder) => `, ${folder}`).join('')}\n`)
    .join('')
}
