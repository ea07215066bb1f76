import { accessSync, constants, existsSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { cached, cacheDir } from '../cache.ts'
import { MissingPrerequisite } from '../errors.ts'
import { canFetchPackages, unpackPackages } from './debian-packages.ts'
import { onPath } from './program.ts'
import type { Installing } from './provider.ts'

/** RabbitMQ and the Erlang it runs on. */
export interface RabbitmqBinaries {
  /** Of RabbitMQ, such as `3.10.8`. */
  version: string
  /** Has `plugins/` in it, where all of RabbitMQ's own code is. */
  home: string
  /** Erlang's root: has `bin/start_sasl.boot` and `lib/` in it. */
  erlang: string
  /** Has the programs of the virtual machine in it: `erlexec`, `beam.smp`. */
  erts: string
  /** Where shared libraries are that the machine itself lacks. */
  libraries?: string
}

/** Quorum queues can dead-letter and limit redeliveries; the server refuses no argument the compose files use. */
const OLDEST_RABBITMQ = [3, 10] as const
/** Erlang 25: the first with `-dist_listen false`. */
const OLDEST_ERTS = [13, 0] as const
const PACKAGE = 'rabbitmq-server'
const WANTED = /^(rabbitmq-server$|erlang-)/
/** Where Debian's package has it; the program on the PATH is a wrapper that insists on root or the user rabbitmq. */
const DEBIAN_HOMES = 'usr/lib/rabbitmq/lib'
const DEBIAN_ERLANG = 'usr/lib/erlang'
export const RABBITMQ_FIX = 'install RabbitMQ 3.10 or newer with Erlang 25 or newer (Debian 12, Ubuntu 24.04: apt install rabbitmq-server)'

/** An installed `rabbitmq-server` when new enough, else the distribution's packages, fetched once into the cache and not installed. */
export async function rabbitmqBinaries(io: Installing): Promise<RabbitmqBinaries> {
  return installedRabbitmq() ?? fetchedRabbitmq(io)
}

/** By the PATH; undefined when there is none that is new enough. `root`: of the machine. */
export function installedRabbitmq(path = process.env.PATH, root = '/'): RabbitmqBinaries | undefined {
  const [server, erl] = [onPath('rabbitmq-server', path), onPath('erl', path)].map((file) => file && realpathSync(file))
  if (!server || !erl) return undefined
  // Of an archive it is <home>/sbin/rabbitmq-server.
  const homes = [dirname(dirname(server)), ...homesIn(root)]
  return homes.map((home) => binariesIn(home, dirname(dirname(erl)))).find((found) => found !== undefined)
}

/** Fetched before, and usable. */
export function rabbitmqInCache(): RabbitmqBinaries | undefined {
  const folder = join(cacheDir(), cacheName())
  return existsSync(folder) ? unpackedIn(folder) : undefined
}

async function fetchedRabbitmq(io: Installing): Promise<RabbitmqBinaries> {
  const folder = await cached(cacheDir(), cacheName(), io, async (temporary) => {
    if (!canFetchPackages()) throw new MissingPrerequisite('there is no RabbitMQ (3.10 or newer, on Erlang 25 or newer) on the PATH, and no apt to fetch one', RABBITMQ_FIX)
    await unpackPackages(PACKAGE, WANTED, temporary, 'RabbitMQ and Erlang (Debian packages)', io).catch((error: Error) => {
      io.signal.throwIfAborted()
      throw new MissingPrerequisite(`apt could not fetch ${PACKAGE}: ${error.message}`, RABBITMQ_FIX)
    })
    for (const unused of ['etc', 'var', 'usr/share', 'usr/bin', 'usr/sbin', 'usr/include', 'usr/games']) rmSync(join(temporary, unused), { recursive: true, force: true })
    if (!unpackedIn(temporary)) throw new MissingPrerequisite(`the ${PACKAGE} that apt fetches here is older than RabbitMQ 3.10 or Erlang 25`, RABBITMQ_FIX)
  })
  const found = unpackedIn(folder)
  if (!found) throw new Error(`${folder} is not what was made there; remove it`)
  return found
}

/** Unpacked programs need the libraries of the release they were made for, so its name is part of the folder's. */
function cacheName(): string {
  const release = parseOsRelease(readIfThere('/etc/os-release'))
  return `rabbitmq-${release}-${process.arch}`
}

/** @param text content of /etc/os-release; @returns `debian-12` */
export function parseOsRelease(text: string): string {
  const field = (name: string): string => (new RegExp(`^${name}="?([A-Za-z0-9._-]+)"?$`, 'm').exec(text)?.[1] ?? '')
  return [field('ID') || 'linux', field('VERSION_ID')].filter((part) => part !== '').join('-')
}

function unpackedIn(folder: string): RabbitmqBinaries | undefined {
  const found = homesIn(folder).map((home) => binariesIn(home, join(folder, DEBIAN_ERLANG))).find((one) => one !== undefined)
  const triplets = ['usr/lib', 'lib'].flatMap((base) => subfolders(join(folder, base)).filter((path) => basename(path).endsWith('-linux-gnu')))
  return found && { ...found, libraries: triplets.join(':') || undefined }
}

function homesIn(root: string): string[] {
  return subfolders(join(root, DEBIAN_HOMES)).filter((path) => basename(path).startsWith('rabbitmq_server-'))
}

/** @returns undefined when it is not both there and new enough */
function binariesIn(home: string, erlang: string): RabbitmqBinaries | undefined {
  const version = namesIn(join(home, 'plugins')).map((name) => /^rabbit-(\d+\.\d+[\w.-]*?)(?:\.ez)?$/.exec(name)?.[1]).find((found) => found !== undefined)
  const erts = namesIn(erlang).find((name) => name.startsWith('erts-'))
  if (!version || !erts) return undefined
  if (!isAtLeast(version, OLDEST_RABBITMQ) || !isAtLeast(erts.slice('erts-'.length), OLDEST_ERTS)) return undefined
  const programs = join(erlang, erts, 'bin')
  const usable = ['erlexec', 'beam.smp', 'erl_child_setup'].every((name) => isExecutable(join(programs, name))) && existsSync(join(erlang, 'bin', 'start_sasl.boot'))
  return usable ? { version, home, erlang, erts: programs } : undefined
}

/** `3.10.8` against [3, 10] */
export function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const match = /^(\d+)\.(\d+)/.exec(version)
  if (!match) return false
  const [itsMajor, itsMinor] = [Number(match[1]), Number(match[2])]
  return itsMajor > major || (itsMajor === major && itsMinor >= minor)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function subfolders(folder: string): string[] {
  return namesIn(folder).map((name) => join(folder, name))
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
