import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MissingPrerequisite } from './errors.ts'

/** Processes of our own, by the name of their built entry point. */
export const ENTRIES = ['cli', 'service', 'injector', 'subscribers', 'link', 'watchdog', 'clickhouse'] as const
export type Entry = (typeof ENTRIES)[number]

/** The folder that holds package.json, whether this runs from src/ or from a chunk in dist/. */
export const packageRoot: string = findRoot(dirname(fileURLToPath(import.meta.url)))

/** Where the built entry points are: `LAB_DIST` (another build, to compare two), else `dist/` of this package. */
export function distDir(): string {
  return process.env.LAB_DIST ?? join(packageRoot, 'dist')
}

/** Absolute path of a built entry point. @throws MissingPrerequisite when it has not been built */
export function entryPath(entry: Entry): string {
  const path = join(distDir(), `${entry}.js`)
  if (!existsSync(path)) throw new MissingPrerequisite(`${path} is missing`, `build it: npm run build, in ${packageRoot}`)
  return path
}

function findRoot(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json')) && basename(folder) !== 'node_modules') return folder
    if (dirname(folder) === folder) throw new Error(`no package.json above ${from}`)
  }
}
