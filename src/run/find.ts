import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { EXIT, LabError } from './errors.ts'
import type { RunFile } from './folder.ts'
import { checkVersion } from './version.ts'

/** The folder of a run named by path, id, start of an id, or `latest`. Throws {@link LabError} (exit code 2) otherwise. */
export async function findRun(name: string, resultsDir: string): Promise<string> {
  if (name !== 'latest' && existsSync(join(name, 'run.json'))) return name
  const folders = await runFolders(resultsDir)
  const matches = name === 'latest' ? folders.slice(-1) : folders.filter((folder) => basename(folder).startsWith(name))
  if (matches.length === 1) return matches[0]!
  const exact = matches.find((folder) => basename(folder, '.partial') === name)
  if (exact !== undefined) return exact
  if (matches.length > 1) throw new LabError(EXIT.usage, `'${name}' could be any of ${matches.map((folder) => basename(folder)).join(', ')}`, 'write more of the id')
  throw new LabError(EXIT.usage, name === 'latest' ? `there are no runs in ${resultsDir}` : `no run '${name}' in ${resultsDir}`, 'lab list runs shows what there is; --results names another folder')
}

/** All folders of runs, oldest first. */
export async function runFolders(resultsDir: string): Promise<string[]> {
  const names = await readdir(resultsDir).catch(() => [])
  return names
    .filter((name) => existsSync(join(resultsDir, name, 'run.json')))
    .sort()
    .map((name) => join(resultsDir, name))
}

/** `run.json`. Throws {@link LabError} (exit code 2) where it is damaged. */
export async function readRunFile(folder: string): Promise<RunFile> {
  const path = join(folder, 'run.json')
  let found: RunFile
  try {
    found = JSON.parse(await readFile(path, 'utf8')) as RunFile
  } catch (error) {
    throw new LabError(EXIT.usage, `${path} cannot be read: ${(error as Error).message}`, 'the folder is damaged')
  }
  checkVersion(path, found?.schemaVersion)
  return found
}
