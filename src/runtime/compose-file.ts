import { dirname, resolve } from 'node:path'
import { LineCounter, parseDocument, type Document } from 'yaml'
import { isKnownKey, knownBeside, nearest } from './compose-keys.ts'
import { isMap, normaliseService, type Yaml, type YamlMap } from './compose-merge.ts'
import type { ComposeProblem } from './errors.ts'
import { interpolate } from './interpolate.ts'

/** One compose file: parsed, its keys checked, its variables expanded, and where in it something stands. */

export interface ComposeFile {
  /** Absolute. */
  path: string
  text: string
}

export interface ParsedFile {
  file: ComposeFile
  document: Document
  lines: LineCounter
  map: YamlMap
  problems: ComposeProblem[]
}

export function parseFile(file: ComposeFile): ParsedFile {
  const lines = new LineCounter()
  const document = parseDocument(file.text, { lineCounter: lines, merge: true })
  // Only the first: the parser's later complaints about a file follow from it.
  const problems: ComposeProblem[] = [...document.errors, ...document.warnings].slice(0, 1).map((error) => ({
    file: file.path,
    line: error.linePos?.[0].line,
    path: '',
    says: error.message.split('\n')[0]!.replace(/ at line \d+, column \d+:?$/, ''),
  }))
  let map: Yaml = {}
  try {
    if (document.errors.length === 0) map = (document.toJS({ maxAliasCount: 100 }) ?? {}) as Yaml
  } catch (error) {
    problems.push({ file: file.path, path: '', says: error instanceof Error ? error.message : String(error) })
  }
  if (!isMap(map)) problems.push({ file: file.path, path: '', says: 'a compose file is a mapping of keys to values' })
  return { file, document, lines, map: isMap(map) ? map : {}, problems }
}

export function unknownKeys(parsed: ParsedFile): ComposeProblem[] {
  const problems: ComposeProblem[] = []
  const walk = (value: Yaml, path: string[]): void => {
    if (!isMap(value)) return
    for (const [key, below] of Object.entries(value)) {
      const here = [...path, key]
      if (isKnownKey(here)) walk(below, here)
      else problems.push({ ...whereIs([parsed], here), path: here.join('.'), says: refusal(here) })
    }
  }
  walk(parsed.map, [])
  return problems
}

function refusal(path: string[]): string {
  const allowed = knownBeside(path)
  const meant = nearest(path.at(-1)!, allowed)
  return `the lab does not support this key${meant ? `; did you mean ${meant}?` : ''}${allowed.length > 0 ? ` (supported here: ${allowed.join(', ')})` : ''}`
}

export function expand(parsed: ParsedFile, value: Yaml, path: string[], env: Readonly<Record<string, string>>, problems: ComposeProblem[]): Yaml {
  if (typeof value === 'string') {
    const { text, problems: found } = interpolate(value, env)
    problems.push(...found.map((says) => ({ ...whereIs([parsed], path), path: path.join('.'), says })))
    return text
  }
  if (Array.isArray(value)) return value.map((item, index) => expand(parsed, item, [...path, String(index)], env, problems))
  if (!isMap(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, below]) => [key, expand(parsed, below, [...path, key], env, problems)]))
}

/** What is named relative to the file that names it (scripts, mounted files), so that it has to be settled before merging. */
export function absoluteEntries({ file }: ParsedFile, map: YamlMap): YamlMap {
  const absolute = (path: string): string => resolve(dirname(file.path), path)
  return mapServices(map, (service) => {
    const { 'x-lab': lab, volumes, build } = service
    const settled = { ...service }
    if (isMap(lab) && typeof lab.entry === 'string') settled['x-lab'] = { ...lab, entry: absolute(lab.entry) }
    if (typeof build === 'string') settled.build = { context: absolute(build) }
    if (isMap(build) && typeof build.context === 'string') settled.build = { ...build, context: absolute(build.context) }
    if (Array.isArray(volumes)) settled.volumes = volumes.map((one) => (typeof one === 'string' ? one.replace(/^\.{1,2}\/[^:]*/, (path) => absolute(path)) : one))
    return settled
  })
}

export function withNormalServices(map: YamlMap): YamlMap {
  return mapServices(map, normaliseService)
}

function mapServices(map: YamlMap, change: (service: YamlMap) => YamlMap): YamlMap {
  if (!isMap(map.services)) return map
  const services = Object.entries(map.services).map(([name, service]) => [name, isMap(service) ? change(service) : service])
  return { ...map, services: Object.fromEntries(services) as YamlMap }
}

/** The last file that says something at `path`, or about what is nearest above it. */
export function whereIs(files: readonly ParsedFile[], path: readonly string[]): { file: string; line?: number } {
  for (let depth = path.length; depth > 0; depth -= 1) {
    for (const { file, document, lines } of files.toReversed()) {
      const keys = path.slice(0, depth).map((key) => (/^\d+$/.test(key) ? Number(key) : key))
      const node = document.getIn(keys, true) as { range?: [number, number, number] } | undefined
      if (node?.range) return { file: file.path, line: lines.linePos(node.range[0]).line }
    }
  }
  return { file: files.at(-1)?.file.path ?? '(no file)' }
}
