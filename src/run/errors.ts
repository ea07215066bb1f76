/** Exit codes of the CLI. */
export const EXIT = {
  passed: 0,
  internal: 1,
  usage: 2,
  prerequisite: 3,
  expectation: 4,
  regression: 5,
  invalid: 6,
  data: 7,
  interrupted: 130,
  terminated: 143,
} as const

/** An error a person can act on: what is wrong, and how to mend it. Anything else is a bug and exits with 1. */
export class LabError extends Error {
  override name = 'LabError'
  readonly exitCode: number
  readonly hint: string | undefined
  constructor(exitCode: number, message: string, hint?: string) {
    super(message)
    this.exitCode = exitCode
    this.hint = hint
  }
}
