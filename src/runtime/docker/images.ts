import type Docker from 'dockerode'
import { MissingPrerequisite } from '../errors.ts'
import type { RuntimeEvent } from '../runtime.ts'
import { explained, isStatus, withLimit } from './engine.ts'

/** What the lab's own image is built on. */
export function baseImage(env: NodeJS.ProcessEnv = process.env): string {
  return env.LAB_BASE_IMAGE || 'node:24-slim'
}

type Fetch = (event: Extract<RuntimeEvent, { type: 'fetch' }>) => void

export async function hasImage(docker: Docker, name: string): Promise<boolean> {
  try {
    await docker.getImage(name).inspect()
    return true
  } catch (error) {
    if (isStatus(error, 404)) return false
    throw error
  }
}

/** Pulls an image that is not there, with progress. @throws MissingPrerequisite naming it when it cannot be had */
export async function ensureImage(docker: Docker, name: string, signal: AbortSignal, onFetch: Fetch): Promise<void> {
  if (await hasImage(docker, name)) return
  const what = `image ${name}`
  onFetch({ type: 'fetch', what, done: 0 })
  try {
    await pull(docker, tagged(name), signal, pullProgress(what, onFetch))
  } catch (error) {
    signal.throwIfAborted()
    throw cannotPull(name, error)
  }
  const bytes = await imageBytes(docker, name)
  onFetch({ type: 'fetch', what, done: bytes, total: bytes })
}

export async function imageBytes(docker: Docker, name: string): Promise<number> {
  return (await docker.getImage(name).inspect()).Size
}

function cannotPull(name: string, error: unknown): unknown {
  const known = explained(error, `pulling ${name}`)
  if (known !== error) return known
  const says = error instanceof Error ? error.message : String(error)
  return new MissingPrerequisite(`image ${name} is not there and cannot be pulled: ${says}`, `\`docker pull ${name}\`, another image by the variable in the compose file, or --runtime local`)
}

/** Without a tag the engine would pull all of them. */
function tagged(name: string): string {
  return /[:@][^/]*$/.test(name) ? name : `${name}:latest`
}

interface Step {
  id?: string
  status?: string
  progressDetail?: { current?: number; total?: number }
}

async function pull(docker: Docker, name: string, signal: AbortSignal, onStep: (step: Step) => void): Promise<void> {
  const stream = await docker.pull(name, { abortSignal: signal })
  await follow(docker, stream, signal, onStep)
}

/** Reads an engine's progress to its end; closing the connection is what makes the engine give up. */
export function follow(docker: Docker, stream: NodeJS.ReadableStream, signal: AbortSignal, onStep: (step: Step & { stream?: string }) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      ;(stream as unknown as { destroy(): void }).destroy()
      reject(signal.reason as Error)
    }
    if (signal.aborted) return stop()
    signal.addEventListener('abort', stop, { once: true })
    // What goes wrong after the reply has begun is a line of it, which docker-modem takes for progress.
    let failure: string | undefined
    docker.modem.followProgress(
      stream,
      (error) => {
        signal.removeEventListener('abort', stop)
        if (error) reject(error)
        else if (failure !== undefined) reject(new Error(failure))
        else resolve()
      },
      (step: Step & { stream?: string; error?: string }) => {
        failure ??= step.error
        onStep(step)
      },
    )
  })
}

/** Adds up what the layers say; tells at every tenth. */
export function pullProgress(what: string, onFetch: Fetch): (step: Step) => void {
  const layers = new Map<string, { current: number; total: number }>()
  let told = 0
  return ({ id, status, progressDetail }) => {
    if (id === undefined || status !== 'Downloading' || progressDetail?.total === undefined) return
    layers.set(id, { current: progressDetail.current ?? 0, total: progressDetail.total })
    const sum = (pick: 'current' | 'total'): number => [...layers.values()].reduce((all, layer) => all + layer[pick], 0)
    const [done, total] = [sum('current'), sum('total')]
    const tenth = Math.floor((10 * done) / total)
    // More layers may begin later, and then less is done than before: what was told is not taken back.
    if (tenth <= told) return
    told = tenth
    onFetch({ type: 'fetch', what, done, total })
  }
}

const REGISTRY_WITHIN_MS = 3_000

/** Those of the images, and of what the lab's own is built on, that neither are there nor could be pulled; pulls nothing. */
export async function missingFor(docker: Docker, names: readonly string[], signal: AbortSignal): Promise<string[]> {
  const own = process.env.LAB_IMAGE || baseImage()
  const looked = await Promise.all(
    [...names, own].map(async (name) => ({ name, there: (await hasImage(docker, name)) || (await withLimit(docker.getImage(tagged(name)).distribution(), REGISTRY_WITHIN_MS, signal).then(() => true, () => false)) })),
  )
  return looked.filter(({ there }) => !there).map(({ name }) => name)
}
