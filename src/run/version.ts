import { EXIT, LabError } from './errors.ts'
import type { RunStarted } from './events.ts'

/** Of `run.json` and `events.ndjson`; see {@link RunStarted}. */
export const RUN_VERSION = 1 satisfies RunStarted['schemaVersion']

/** Throws {@link LabError} (exit code 2) where a folder was written in another form than this lab reads. */
export function checkVersion(path: string, version: unknown): void {
  if (version === RUN_VERSION) return
  const by = version === undefined || version === null ? 'of no version' : `of version ${JSON.stringify(version)}`
  throw new LabError(EXIT.usage, `${path} is ${by}, and this lab reads version ${RUN_VERSION}`, 'read it with the lab that wrote it')
}
