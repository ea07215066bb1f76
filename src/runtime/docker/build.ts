import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import type Docker from 'dockerode'
import { EXIT, LabError } from '../../run/errors.ts'
import { ComposeError } from '../errors.ts'
import type { RuntimeEvent } from '../runtime.ts'
import { explained } from './engine.ts'
import { ensureImage, follow, hasImage, imageBytes } from './images.ts'

/** How an image is made, as `build` of a compose file says it. */
export interface Recipe {
  /** Folder, absolute. */
  context: string
  /** Relative to it. */
  dockerfile: string
  args: Record<string, string>
  /** Of the steps that run while it is made: `default`, `host`, `none`. */
  network?: string
}

type Tell = (event: RuntimeEvent) => void

/**
 * Makes an image as its recipe says, unless there is one of the same content already: it is `<repository>:<hash>`, and has its own name as
 * well, for those who use the compose files without the lab. @returns the former
 */
export async function ensureBuilt(docker: Docker, image: string, recipe: Recipe, signal: AbortSignal, on: Tell): Promise<string> {
  const path = join(recipe.context, recipe.dockerfile)
  const bases = basesOf(readDockerfile(path), recipe.args)
  for (const base of bases) await ensureImage(docker, base, signal, on)
  const ids = await Promise.all(bases.map(async (base) => (await docker.getImage(base).inspect()).Id))
  const files = filesUnder(recipe.context)
  const hash = createHash('sha256').update(JSON.stringify([recipe.dockerfile, recipe.args, ids]))
  for (const file of files) hash.update(`\0${file}\0`).update(readFileSync(join(recipe.context, file)))
  const [repository, tag] = splitName(image)
  const name = `${repository}:${hash.digest('hex').slice(0, 12)}`
  if (!(await hasImage(docker, name))) {
    await build(docker, { name, what: `${name} (built on ${bases.join(', ')})`, context: recipe.context, files, dockerfile: recipe.dockerfile, args: recipe.args, network: recipe.network, fix: `look at ${path}, and at the network; another image by the variable in the compose file, or --runtime local` }, signal, on)
  }
  await docker.getImage(name).tag({ repo: repository, tag })
  return name
}

export interface Build {
  name: string
  /** In progress lines. */
  what: string
  context: string
  /** Relative to the context. */
  files: readonly string[]
  dockerfile: string
  args: Record<string, string>
  network?: string
  labels?: Record<string, string>
  /** What to do when it fails. */
  fix: string
}

/** @throws LabError with the last lines of the engine when it fails; exit code 3 */
export async function build(docker: Docker, { name, what, context, files, dockerfile, args, network, labels, fix }: Build, signal: AbortSignal, on: Tell): Promise<void> {
  on({ type: 'fetch', what: `image ${what}`, done: 0 })
  const said: string[] = []
  try {
    const stream = await docker.buildImage({ context, src: [...files] }, { t: name, dockerfile, buildargs: args, labels, networkmode: network, rm: true, forcerm: true, abortSignal: signal })
    await follow(docker, stream, signal, ({ stream: line }) => {
      if (line && line.trim() !== '') said.push(line.trim())
    })
  } catch (error) {
    signal.throwIfAborted()
    const known = explained(error, `building ${name}`)
    if (known !== error) throw known
    throw new LabError(EXIT.prerequisite, `image ${what} cannot be built: ${(error as Error).message}\n${said.slice(-10).map((line) => `  | ${line}`).join('\n')}`, fix)
  }
  const bytes = await imageBytes(docker, name)
  on({ type: 'fetch', what: `image ${what}`, done: bytes, total: bytes })
}

/** Images that a Dockerfile begins with, its stages aside; variables as they are given, else as it says before the first FROM. */
export function basesOf(dockerfile: string, args: Readonly<Record<string, string>>): string[] {
  const values: Record<string, string> = {}
  const stages = new Set<string>(['scratch'])
  const bases = new Set<string>()
  for (const [, word = '', rest = ''] of dockerfile.matchAll(/^[ \t]*(ARG|FROM)[ \t]+(.+?)[ \t]*$/gim)) {
    if (word.toUpperCase() === 'ARG') {
      if (bases.size > 0) continue
      const [name = '', value = ''] = rest.split(/=(.*)/s)
      values[name] = args[name] ?? value.replace(/^(["'])(.*)\1$/, '$2')
      continue
    }
    const [from = '', , stage] = rest.replace(/^(--\S+\s+)+/, '').split(/\s+/)
    const base = from.replace(/\$\{(\w+)\}|\$(\w+)/g, (_, braced: string | undefined, bare: string | undefined) => values[braced ?? bare!] ?? '')
    if (!stages.has(base)) bases.add(base)
    if (stage !== undefined) stages.add(stage)
  }
  return [...bases]
}

/** Those of a recipe; none where its Dockerfile cannot be read, which building it says. */
export function basesOfRecipe({ context, dockerfile, args }: Recipe): string[] {
  const path = join(context, dockerfile)
  return existsSync(path) ? basesOf(readFileSync(path, 'utf8'), args) : []
}

function readDockerfile(path: string): string {
  if (!existsSync(path)) throw new ComposeError([{ file: path, path: '', says: 'there is no such Dockerfile; a service of the compose files is built from it' }])
  return readFileSync(path, 'utf8')
}

function filesUnder(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return entries.map((entry) => relative(folder, join(entry.parentPath, entry.name))).sort()
}

/** `registry:5000/name:tag` → repository and tag. */
function splitName(image: string): [string, string] {
  const [, repository = image, tag = 'latest'] = /^(.*?)(?::([^/:]+))?$/.exec(image) ?? []
  return [repository, tag]
}
