import { readFileSync } from 'node:fs'
import { EXIT, LabError } from '../run/errors.ts'
import type { ComposeFile } from './compose-file.ts'

/** Reads compose files from disk. @throws LabError naming the first that cannot be read */
export function readComposeFiles(paths: readonly string[]): ComposeFile[] {
  return paths.map((path) => {
    try {
      return { path, text: readFileSync(path, 'utf8') }
    } catch (error) {
      throw new LabError(EXIT.usage, `compose file ${path} cannot be read: ${(error as Error).message}`)
    }
  })
}
