import { EXIT, LabError } from '../run/errors.ts'

/** The machine lacks something: a program, a package, a free port. `hint` says how to get it. */
export class MissingPrerequisite extends LabError {
  override name = 'MissingPrerequisite'
  constructor(message: string, fix: string) {
    super(EXIT.prerequisite, message, fix)
  }
}

/** One thing wrong with a compose file. */
export interface ComposeProblem {
  file: string
  /** 1-based; absent where nothing in the file stands for it. */
  line?: number
  /** `services.api.restart` */
  path: string
  says: string
}

/** Everything that is wrong with the compose files, at once. */
export class ComposeError extends LabError {
  override name = 'ComposeError'
  readonly problems: readonly ComposeProblem[]
  constructor(problems: readonly ComposeProblem[]) {
    super(EXIT.usage, `${problems.length === 1 ? 'A compose file is' : 'The compose files are'} not usable:\n${problems.map(describe).join('\n')}`)
    this.problems = problems
  }
}

function describe({ file, line, path, says }: ComposeProblem): string {
  return `  ${file}${line ? `:${line}` : ''}  ${path ? `${path}: ` : ''}${says}`
}

/** A service did not start, did not get ready, or ended by itself. */
export class ServiceFailed extends LabError {
  override name = 'ServiceFailed'
  readonly service: string
  readonly lastLines: readonly string[]
  readonly logPath: string
  constructor(service: string, what: string, lastLines: readonly string[], logPath: string) {
    const tail = lastLines.length > 0 ? `; its last lines:\n${lastLines.map((line) => `  | ${line}`).join('\n')}` : '; it wrote nothing'
    super(EXIT.expectation, `service ${service} ${what}${tail}`, `the whole log is in ${logPath}`)
    this.service = service
    this.lastLines = lastLines
    this.logPath = logPath
  }
}
