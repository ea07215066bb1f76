import { CommanderError } from 'commander'
import { EXIT, LabError } from '../run/errors.ts'
import { isForPeople } from './for-people.ts'
import { lab } from './main.ts'

try {
  if (process.argv.length > 2) await lab.parseAsync()
  else if (isForPeople(process.env)) await (await import('./commands/home.ts')).homeCommand()
  else lab.outputHelp()
} catch (error) {
  process.exitCode = explain(error)
}

/** Says what went wrong in a way a person can act on; returns the exit code. */
function explain(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.passed : EXIT.usage
  if (error instanceof LabError) {
    process.stderr.write(`lab: ${error.message}\n${error.hint === undefined ? '' : `     ${error.hint}\n`}`)
    return error.exitCode
  }
  process.stderr.write(`lab: this is a bug in the lab itself\n${error instanceof Error ? error.stack : String(error)}\n`)
  return EXIT.internal
}
