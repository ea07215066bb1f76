import { createHash } from 'node:crypto'
import { existsSync, lstatSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { EXIT, LabError } from '../../run/errors.ts'
import { distDir, entryPath, packageRoot, type Entry } from '../entry.ts'

/** What goes into the lab's image: the entry points that run in containers, and every package they import. */
export interface ImageContent {
  /** Relative to the package's folder; thousands, so only when asked for. */
  files(): string[]
  /** Changes with anything in it. */
  hash: string
}

export const DOCKERFILE = 'compose/images/lab/Dockerfile'
const IN_CONTAINERS: readonly Entry[] = ['service', 'injector', 'subscribers', 'link']
/** v0 keeps its file in threads of the service. */
const THREADS = ['v0-thread.js']

/** @param base what it is built on; part of the hash */
export function imageContent(base: string): ImageContent {
  const dist = distDir()
  if (dist !== join(packageRoot, 'dist')) throw new LabError(EXIT.usage, `LAB_DIST is ${dist}: an image is made of ${join(packageRoot, 'dist')}`, 'unset LAB_DIST, or --runtime local')
  const entries = [...IN_CONTAINERS.map((entry) => entryPath(entry)), ...THREADS.map((name) => join(dist, name)).filter(existsSync)]
  const { modules, packages } = reached(entries)
  const folders = closure(packages, packageRoot)
  const hash = createHash('sha256').update(base).update(readFileSync(join(packageRoot, DOCKERFILE)))
  for (const path of modules) hash.update(`\0${relative(packageRoot, path)}\0`).update(readFileSync(path))
  for (const folder of folders) hash.update(`\0${relative(packageRoot, folder)}\0`).update(readFileSync(join(folder, 'package.json')))
  const files = (): string[] => [DOCKERFILE, 'package.json', ...modules.map((path) => relative(packageRoot, path)), ...folders.flatMap((folder) => filesIn(folder))]
  return { files, hash: hash.digest('hex').slice(0, 12) }
}

/** Bundled modules that can be reached from the entry points, and the packages they import. */
function reached(entries: readonly string[]): { modules: string[]; packages: Set<string> } {
  const modules = new Set<string>()
  const packages = new Set<string>()
  const queue = [...entries]
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (modules.has(path)) continue
    modules.add(path)
    for (const name of importsOf(readFileSync(path, 'utf8'))) {
      if (name.startsWith('.')) queue.push(join(dirname(path), name))
      else if (!name.startsWith('node:')) packages.add(packageOf(name))
    }
  }
  return { modules: [...modules].sort(), packages }
}

/** Of a module as the bundler writes it: `from "x"`, `import "x"`, `import("x")`. */
export function importsOf(code: string): string[] {
  const statements = code.matchAll(/^(?:import|export)\b[^"';]*?["']([^"'\n]+)["'];?$/gm)
  const calls = code.matchAll(/\bimport\(\s*["']([^"'\n]+)["']\s*\)/g)
  return [...new Set([...statements, ...calls].map((match) => match[1]!))]
}

/** `@scope/name/path` → `@scope/name`. */
export function packageOf(specifier: string): string {
  return specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
}

/** Folders of the packages and all they depend on, as Node would find them. */
function closure(names: ReadonlySet<string>, root: string): string[] {
  const folders = new Set<string>()
  const queue = [...names].map((name) => ({ name, from: root, optional: false }))
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const folder = findPackage(next.name, next.from)
    if (folder === undefined) {
      if (next.optional) continue
      throw new LabError(EXIT.prerequisite, `package ${next.name}, which the lab's image needs, is not installed`, `npm ci, in ${packageRoot}`)
    }
    if (folders.has(folder)) continue
    folders.add(folder)
    const { dependencies = {}, optionalDependencies = {}, peerDependencies = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, Record<string, string> | undefined>
    for (const name of Object.keys(dependencies)) queue.push({ name, from: folder, optional: Object.hasOwn(optionalDependencies, name) })
    for (const name of [...Object.keys(optionalDependencies), ...Object.keys(peerDependencies)]) queue.push({ name, from: folder, optional: true })
  }
  return [...folders].sort()
}

/** A `node_modules` above may be a link to elsewhere: paths stay as they are seen from the package's folder. */
function findPackage(name: string, from: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name)
    if (existsSync(join(candidate, 'package.json'))) return candidate
    if (folder === packageRoot || dirname(folder) === folder) return undefined
  }
}

/** What only tools of developers read. */
const UNUSED = /\.(d\.[cm]?ts|map|md|markdown)$/

/** Without packages nested in it: these come on their own where they are needed. */
function filesIn(folder: string): string[] {
  return readdirSync(realpathSync(folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.name === 'node_modules' || UNUSED.test(entry.name)) return []
    return lstatSync(path).isDirectory() ? filesIn(path) : [relative(packageRoot, path)]
  })
}
