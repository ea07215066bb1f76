import { EXIT, LabError } from '../../run/errors.ts'
import { MissingPrerequisite } from '../errors.ts'
import { local } from '../local/local.ts'
import type { Runtime } from '../runtime.ts'
import { findEndpoint, surroundings } from './endpoint.ts'
import type { Engine } from './engine.ts'

export const RUNTIMES = ['docker', 'local'] as const
export type RuntimeName = (typeof RUNTIMES)[number]

/** `--runtime`, else `LAB_RUNTIME`, else nothing is asked for. @throws LabError for a name that is none */
export function askedRuntime(option: string | undefined, env: NodeJS.ProcessEnv = process.env): RuntimeName | undefined {
  const asked = option ?? (env.LAB_RUNTIME || undefined)
  if (asked === undefined || asked === 'docker' || asked === 'local') return asked
  throw new LabError(EXIT.usage, `${option === undefined ? 'LAB_RUNTIME' : '--runtime'} ${asked}: there is no such runtime`, `there are: ${RUNTIMES.join(', ')}`)
}

/**
 * What these compose files are to run on. Not asked for anything: Docker, when an engine answers and has the images or can pull
 * them, else plain processes. Where there is no engine this reads two files and loads nothing.
 * @param say told in one line why an engine that is there is not used
 */
export async function chooseRuntime(asked: RuntimeName | undefined, files: readonly string[], signal: AbortSignal, say: (line: string) => void): Promise<Runtime> {
  if (asked === 'local') return local
  if (asked === 'docker') return (await import('./docker.ts')).createDocker(await connectAnywhere(signal))
  const instead = await whyNotDocker(files, signal)
  if (typeof instead !== 'string') return instead
  if (instead !== '') say(`running locally: ${instead}`)
  return local
}

/** The engine that the environment names. @throws MissingPrerequisite when there is none */
export async function connectAnywhere(signal: AbortSignal): Promise<Engine> {
  const endpoint = findEndpoint(surroundings())
  if (endpoint === undefined) {
    throw new MissingPrerequisite('no Docker engine: DOCKER_HOST and DOCKER_CONTEXT are not set, and there is no /var/run/docker.sock', 'start one, name one by DOCKER_HOST, or --runtime local, which needs no Docker')
  }
  return (await import('./engine.ts')).connectEngine(endpoint, signal)
}

/** Docker, or the reason against it; nothing to say where there is none at all. */
async function whyNotDocker(files: readonly string[], signal: AbortSignal): Promise<Runtime | string> {
  try {
    const endpoint = findEndpoint(surroundings())
    if (endpoint === undefined) return ''
    const [{ connectEngine }, { createDocker, imagesOf }, { missingFor }] = await Promise.all([import('./engine.ts'), import('./docker.ts'), import('./images.ts')])
    const engine = await connectEngine(endpoint, signal)
    const missing = await missingFor(engine.docker, imagesOf(files), signal)
    if (missing.length === 0) return createDocker(engine)
    return `the Docker engine at ${endpoint.url} has no ${missing.join(', ')}, and cannot pull ${missing.length === 1 ? 'it' : 'them'}`
  } catch (error) {
    signal.throwIfAborted()
    return (error as Error).message.split('\n').slice(0, 2).join(' ')
  }
}
