import { readFileSync } from 'node:fs'
import Docker from 'dockerode'
import { MissingPrerequisite } from '../errors.ts'
import type { Endpoint } from './endpoint.ts'
import { sshAgent } from './ssh-agent.ts'

/** A Docker engine that has answered. */
export interface Engine {
  docker: Docker
  endpoint: Endpoint
  version: string
  /** Where ports are published on, as the engine binds them, and where the lab reaches them. */
  bindAddress: string
  reachAddress: string
}

/** 20.10: the first with one-shot stats. */
const OLDEST_API = [1, 41] as const
const ANSWER_WITHIN_MS = 5_000
const LOCALLY = 'or --runtime local, which needs no Docker'

/** @throws MissingPrerequisite when nobody answers, may not be asked, or is too old */
export async function connectEngine(endpoint: Endpoint, signal: AbortSignal): Promise<Engine> {
  const docker = dockerAt(endpoint)
  const late = new AbortController()
  // A request that stays open would keep the process alive.
  const answer = await withLimit((docker as unknown as WithAbort).version({ abortSignal: late.signal }), ANSWER_WITHIN_MS, signal).catch((error: unknown) => {
    late.abort()
    signal.throwIfAborted()
    throw unreachable(endpoint, error as NodeJS.ErrnoException)
  })
  const [major = 0, minor = 0] = answer.ApiVersion.split('.').map(Number)
  if (major < OLDEST_API[0] || (major === OLDEST_API[0] && minor < OLDEST_API[1])) {
    throw new MissingPrerequisite(`the Docker engine at ${endpoint.url} is too old: ${answer.Version} (API ${answer.ApiVersion})`, `20.10 (API ${OLDEST_API.join('.')}) or newer, ${LOCALLY}`)
  }
  const remote = endpoint.transport.kind === 'unix' ? undefined : endpoint.transport.host
  return { docker, endpoint, version: answer.Version, bindAddress: remote === undefined ? '127.0.0.1' : '0.0.0.0', reachAddress: remote ?? '127.0.0.1' }
}

/** dockerode takes it; its types do not know. */
interface WithAbort {
  version(options: { abortSignal: AbortSignal }): Promise<Docker.DockerVersion>
}

/** The client alone; asks nothing yet. */
export function dockerAt({ transport }: Endpoint): Docker {
  // What dockerode reads from the environment by itself must not mix with what was found: hence the explicit undefined.
  const nothing = { host: undefined, port: undefined, socketPath: undefined, ca: undefined, cert: undefined, key: undefined, protocol: undefined, username: undefined }
  if (transport.kind === 'unix') return new Docker({ ...nothing, socketPath: transport.path })
  if (transport.kind === 'ssh') return new Docker({ ...nothing, host: 'docker', port: 80, protocol: 'http', agent: sshAgent(transport) } as Docker.DockerOptions)
  const { host, port, tls } = transport
  const pem = (path: string | undefined): string | undefined => (path === undefined ? undefined : readPem(path))
  return new Docker({
    ...nothing,
    host,
    port,
    protocol: tls ? 'https' : 'http',
    ...(tls && { ca: pem(tls.ca), cert: pem(tls.cert), key: pem(tls.key) }),
    ...(tls && !tls.verify && { checkServerIdentity: () => undefined }),
  } as Docker.DockerOptions)
}

function readPem(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new MissingPrerequisite(`a TLS file for the Docker engine cannot be read: ${(error as Error).message}`, `DOCKER_CERT_PATH, or the files of the context; ${LOCALLY}`)
  }
}

function unreachable({ url, from }: Endpoint, error: NodeJS.ErrnoException): MissingPrerequisite {
  if (error.code === 'EACCES' || error.code === 'EPERM') {
    return new MissingPrerequisite(`no permission to use the Docker engine at ${url}`, `become a member of the socket's group (\`ls -l\` shows it, often docker), ${LOCALLY}`)
  }
  const why = error.code === 'ENOENT' ? 'there is no such socket' : error.code === 'ECONNREFUSED' ? 'nobody listens there' : error.message
  return new MissingPrerequisite(`no Docker engine answers at ${url} (from ${from}): ${why}`, `start it, ${LOCALLY}`)
}

/** Errors of the engine that a person can do something about, said so; all others as they are. */
export function explained(error: unknown, doing: string): unknown {
  // `reason` only names the status. What the engine says is in the JSON, and of a request whose reply is a stream in the message.
  const says = (error as { json?: { message?: string } }).json?.message ?? (error as Partial<Error>).message ?? String(error)
  if (/no space left on device/i.test(says)) return new MissingPrerequisite(`the Docker engine's disk is full (while ${doing}): ${says}`, '`docker system df` shows what takes it, `docker system prune` frees some')
  if (/port is already allocated|address already in use/i.test(says)) return new MissingPrerequisite(`a port is taken (while ${doing}): ${says}`, 'free it, or choose another')
  if (/non-overlapping IPv4 address pool/i.test(says)) return new MissingPrerequisite(`the Docker engine has no addresses left for another network`, '`docker network prune` removes those nobody uses')
  return error
}

/** @throws when it takes longer; what is awaited goes on all the same */
export async function withLimit<T>(promise: Promise<T>, limitMs: number, signal?: AbortSignal): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${limitMs / 1_000} s`)), limitMs)
  const aborted = (): void => late.reject(signal?.reason as Error)
  signal?.addEventListener('abort', aborted, { once: true })
  if (signal?.aborted) aborted()
  try {
    return await Promise.race([promise, late.promise])
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', aborted)
    promise.catch(() => undefined)
  }
}

/** Is it the engine's word for what is not there (any more), or is as it should be already? */
export function isStatus(error: unknown, ...codes: number[]): boolean {
  return codes.includes((error as { statusCode?: number }).statusCode ?? 0)
}
