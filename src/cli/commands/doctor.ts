import { EXIT } from '../../run/errors.ts'
import { doctor, type Check } from '../../runtime/doctor.ts'
import { providersOf } from '../providers.ts'

const MARKS = { ok: 'ok     ', warning: 'warning', missing: 'MISSING' } as const

export async function doctorCommand(options: { arch?: string; json?: boolean }): Promise<void> {
  const checks = await doctor(await providersOf(options.arch), new AbortController().signal)
  process.stdout.write(options.json === true ? `${JSON.stringify(checks, null, 2)}\n` : checks.map(render).join(''))
  if (checks.some((check) => check.status === 'missing')) process.exitCode = EXIT.prerequisite
}

function render({ what, status, says, fix, neededBy }: Check): string {
  const where = neededBy.length === 0 ? '' : ` (${neededBy.join(', ')})`
  return `${MARKS[status]}  ${`${what}${where}`.padEnd(24)} ${says}\n${fix === undefined ? '' : `${' '.repeat(34)}→ ${fix}\n`}`
}
