import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { EXIT, LabError } from '../../run/errors.ts'

/** Where the Docker engine is, as Docker's own command line would find it. */
export interface Endpoint {
  /** As DOCKER_HOST has it: `unix:///var/run/docker.sock`, `tcp://build:2376`, `ssh://me@build`. */
  url: string
  /** What said so, in words. */
  from: string
  transport:
    | { kind: 'unix'; path: string }
    | { kind: 'tcp'; host: string; port: number; tls?: Tls }
    | { kind: 'ssh'; host: string; port?: number; user?: string }
}

/** PEM files. */
export interface Tls {
  ca?: string
  cert?: string
  key?: string
  /** Is the engine's certificate checked? */
  verify: boolean
}

/** What the search looks at; everything from outside, so that it can be tested without. */
export interface Surroundings {
  env: Readonly<Record<string, string | undefined>>
  home: string
  exists(path: string): boolean
  read(path: string): string | undefined
}

export function surroundings(): Surroundings {
  return {
    env: process.env,
    home: process.env.HOME || homedir(),
    exists: existsSync,
    read(path) {
      try {
        return readFileSync(path, 'utf8')
      } catch {
        return undefined
      }
    },
  }
}

/**
 * DOCKER_HOST, else the context that DOCKER_CONTEXT or `docker context use` chose, else the sockets that engines usually have.
 * @returns undefined when nothing names an engine and no socket is there
 * @throws LabError when what names one makes no sense
 */
export function findEndpoint(from: Surroundings): Endpoint | undefined {
  const { env } = from
  if (env.DOCKER_HOST) return parseEndpoint(env.DOCKER_HOST, 'DOCKER_HOST', tlsOfEnvironment(from))
  const folder = env.DOCKER_CONFIG || join(from.home, '.docker')
  const config = parseJson(from.read(join(folder, 'config.json'))) as { currentContext?: unknown } | undefined
  const name = env.DOCKER_CONTEXT || (typeof config?.currentContext === 'string' ? config.currentContext : '')
  if (name !== '' && name !== 'default') return ofContext(name, folder, from)
  const runtimeDir = env.XDG_RUNTIME_DIR
  const sockets = ['/var/run/docker.sock', join(from.home, '.docker/run/docker.sock'), ...(runtimeDir ? [join(runtimeDir, 'docker.sock')] : [])]
  const path = sockets.find((one) => from.exists(one))
  return path === undefined ? undefined : { url: `unix://${path}`, from: 'its usual place', transport: { kind: 'unix', path } }
}

/** @param tls for tcp: used where given */
export function parseEndpoint(url: string, from: string, tls?: Tls): Endpoint {
  const wrong = (says: string): LabError =>
    new LabError(EXIT.usage, `${from} is ${JSON.stringify(url)}: ${says}`, 'allowed: unix:///path/to/docker.sock, tcp://host:port, ssh://user@host')
  if (url.startsWith('unix://')) {
    const path = url.slice('unix://'.length) || '/var/run/docker.sock'
    return { url: `unix://${path}`, from, transport: { kind: 'unix', path } }
  }
  const scheme = /^([a-z]+):\/\//.exec(url)?.[1]
  if (scheme !== 'tcp' && scheme !== 'ssh' && scheme !== 'http' && scheme !== 'https') throw wrong(scheme === undefined ? 'it does not say how to connect' : `there is no way ${scheme}`)
  if (!URL.canParse(url) || new URL(url).hostname === '') throw wrong('it names no host')
  // A scheme that URL does not know keeps brackets around IPv6 addresses, and its port even where that is the default.
  const parsed = new URL(url)
  const host = parsed.hostname.replace(/^\[|\]$/g, '')
  const port = parsed.port === '' ? undefined : Number(parsed.port)
  if (scheme === 'ssh') return { url, from, transport: { kind: 'ssh', host, ...(port && { port }), ...(parsed.username && { user: decodeURIComponent(parsed.username) }) } }
  const secure = tls ?? (scheme === 'https' ? { verify: true } : undefined)
  return { url, from, transport: { kind: 'tcp', host, port: port ?? (secure ? 2376 : 2375), ...(secure && { tls: secure }) } }
}

/** As Docker's command line: DOCKER_TLS_VERIFY with anything but nothing in it, DOCKER_TLS without checking; files in DOCKER_CERT_PATH. */
function tlsOfEnvironment({ env, home }: Surroundings): Tls | undefined {
  if (!env.DOCKER_TLS_VERIFY && !env.DOCKER_TLS) return undefined
  const folder = env.DOCKER_CERT_PATH || env.DOCKER_CONFIG || join(home, '.docker')
  return { ca: join(folder, 'ca.pem'), cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem'), verify: Boolean(env.DOCKER_TLS_VERIFY) }
}

function ofContext(name: string, folder: string, from: Surroundings): Endpoint {
  const id = createHash('sha256').update(name).digest('hex')
  const said = from.env.DOCKER_CONTEXT ? 'DOCKER_CONTEXT' : join(folder, 'config.json')
  const meta = parseJson(from.read(join(folder, 'contexts/meta', id, 'meta.json'))) as { Endpoints?: { docker?: { Host?: unknown; SkipTLSVerify?: unknown } } } | undefined
  const docker = meta?.Endpoints?.docker
  if (typeof docker?.Host !== 'string') throw new LabError(EXIT.usage, `there is no Docker context ${JSON.stringify(name)}, which ${said} names`, '`docker context ls` lists those there are')
  const tls = (file: string): Record<string, string> => {
    const path = join(folder, 'contexts/tls', id, 'docker', `${file}.pem`)
    return from.exists(path) ? { [file]: path } : {}
  }
  const files = { ...tls('ca'), ...tls('cert'), ...tls('key') }
  const secure = Object.keys(files).length > 0 ? { ...files, verify: docker.SkipTLSVerify !== true } : undefined
  return parseEndpoint(docker.Host, `Docker context ${name}`, secure)
}

function parseJson(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as unknown)
  } catch {
    return undefined
  }
}
