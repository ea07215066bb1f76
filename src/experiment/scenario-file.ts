import { readFile, stat } from 'node:fs/promises'
import { basename, extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { isNode, LineCounter, parseDocument, type Document } from 'yaml'
import { parseFault } from '../faults/fault.ts'
import { scenarios } from '../scenarios/index.ts'
import type { Scenario } from '../scenarios/scenario.ts'
import { pathText, readScenario, type Path } from './own-scenario.ts'

const DATA = ['.yaml', '.yml', '.json']
const MODULES = ['.ts', '.mts', '.js', '.mjs']
/** A scenario is a page of text. */
const MOST_BYTES = 1_048_576

/** Whether a word names a file, not one of the lab's own scenarios. */
export function isScenarioFile(word: string): boolean {
  return /[/\\]/.test(word) || [...DATA, ...MODULES].includes(extname(word))
}

/**
 * Reads a scenario of one's own: YAML or JSON, or a module whose default export is the scenario. All that is wrong goes to `problems`, each with
 * file, place and what is allowed. A module is run, with all that it may do.
 */
export async function readScenarioFile(file: string, problems: string[]): Promise<Scenario | undefined> {
  const ending = extname(file)
  if (![...DATA, ...MODULES].includes(ending)) {
    problems.push(`scenario ${file}: must end in ${[...DATA, ...MODULES].join(', ')}`)
    return undefined
  }
  const { size, isFile } = await stat(file).then((it) => ({ size: it.size, isFile: it.isFile() }), () => ({ size: 0, isFile: undefined }))
  if (isFile !== true || size > MOST_BYTES) {
    problems.push(`scenario ${file}: ${isFile === undefined ? 'there is no such file' : isFile ? `has ${size} bytes, at most ${MOST_BYTES} are read` : 'is no file'}`)
    return undefined
  }
  const found = DATA.includes(ending) ? await fromData(file, problems) : await fromModule(file, problems)
  if (found === undefined) return undefined
  const read = readScenario(basename(file, ending), found.given, Object.keys(scenarios), parseFault)
  if (read.ok) return read.scenario
  problems.push(...read.problems.map(({ path, says }) => `${file}${found.place(path)}: ${path.length === 0 ? 'the scenario' : pathText(path)} ${says}`))
  return undefined
}

interface Found {
  given: unknown
  /** `:12:3`, or nothing where no place is known. */
  place(path: Path): string
}

async function fromData(file: string, problems: string[]): Promise<Found | undefined> {
  const lines = new LineCounter()
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return `:${line}:${col}`
  }
  const document = parseDocument(await readFile(file, 'utf8'), { lineCounter: lines, prettyErrors: false })
  if (document.errors.length > 0) {
    problems.push(...document.errors.map((error) => `${file}${place(error.pos[0])}: ${error.message}`))
    return undefined
  }
  try {
    return { given: document.toJS({ maxAliasCount: 100 }) as unknown, place: (path) => placeIn(document, path, place) }
  } catch (error) {
    problems.push(`${file}: ${(error as Error).message}`)
    return undefined
  }
}

/** Of the value, of its field where that is all there is, else of what it is missing in. */
function placeIn(document: Document, path: Path, place: (offset: number) => string): string {
  for (let length = path.length; length >= 0; length--) {
    const node: unknown = length === 0 ? document.contents : document.getIn(path.slice(0, length), true)
    if (isNode(node) && node.range) return place(node.range[0])
  }
  return ''
}

async function fromModule(file: string, problems: string[]): Promise<Found | undefined> {
  try {
    const module = (await import(pathToFileURL(resolve(file)).href)) as { default?: unknown }
    if (module.default !== undefined) return { given: module.default, place: () => '' }
    problems.push(`scenario ${file}: exports no default; it must read: export default { phases: [ … ] }`)
  } catch (error) {
    const old = (error as NodeJS.ErrnoException).code === 'ERR_UNKNOWN_FILE_EXTENSION'
    problems.push(`scenario ${file}: ${old ? `this Node (${process.version}) does not read TypeScript; write it as .mjs or .yaml` : `cannot be loaded: ${error instanceof Error ? error.message : String(error)}`}`)
  }
  return undefined
}
