import { z } from 'zod'
import type { Stack } from '../compose.ts'
import { ComposeError, type ComposeProblem } from '../errors.ts'
import type { Recipe } from './build.ts'

/** What a compose file says about a service that only a container has, checked and in Docker's units. */
export interface ContainerPart {
  /** Its image is made so, where it is not there. */
  build?: Recipe
  entrypoint?: string[]
  hostname?: string
  user?: string
  init?: boolean
  check?: HealthCheck
  /** Files and folders of this machine, as Docker's `Binds` have them. */
  binds: string[]
  /** Named volumes: name → path in the container. */
  volumes: { name: string; path: string; readOnly: boolean }[]
  tmpfs: Record<string, string>
  labels: Record<string, string>
  sysctls: Record<string, string>
  ulimits: { Name: string; Soft: number; Hard: number }[]
  shmBytes?: number
  memoryBytes?: number
  memoryReservationBytes?: number
  nanoCpus?: number
  pidsLimit?: number
}

export interface HealthCheck {
  /** As the engine has it: `CMD` and words, or `CMD-SHELL` and a line. */
  test: string[]
  timeoutMs: number
  retries: number
  startPeriodMs: number
}

/** Keys that compose files may have and this runtime cannot honour: refused, so that nobody believes them in force. */
const REFUSED: Readonly<Record<string, string>> = {
  networks: 'every run has one network of its own, in which services find each other by name',
  logging: 'output goes to logs/<service>.log of the run',
}

/** @throws ComposeError with everything that is wrong */
export function containerParts(stack: Stack, files: readonly string[]): Record<string, ContainerPart> {
  const problems: ComposeProblem[] = []
  const place = (path: string, says: string): number => problems.push({ file: files.join(', '), path, says })
  const parts: Record<string, ContainerPart> = {}
  for (const [name, options] of Object.entries(stack.volumes)) {
    if (options !== null && Object.keys(options).length > 0) place(`volumes.${name}`, 'volumes of a run have no options: it makes them and removes them')
  }
  for (const service of Object.values(stack.services)) {
    const at = `services.${service.name}`
    for (const [key, why] of Object.entries(REFUSED)) if (service.raw[key] !== undefined) place(`${at}.${key}`, `--runtime docker does not support this key: ${why}`)
    if (service.entry) place(`${at}.x-lab.entry`, '--runtime docker runs images, not scripts of this machine')
    if (service.provider !== 'node' && !service.image) place(`${at}.image`, 'is missing')
    const parsed = rawSchema.safeParse(service.raw)
    if (parsed.success) parts[service.name] = toPart(parsed.data)
    else for (const issue of parsed.error.issues) place([at, ...issue.path].join('.'), issue.message)
    const awaited = Object.values(stack.services).some(({ dependsOn }) => dependsOn[service.name] === 'service_healthy')
    if (awaited && parts[service.name]?.check === undefined && service.provider !== 'node') place(`${at}.healthcheck`, 'is missing, and others wait for it to be healthy')
    for (const { name } of parts[service.name]?.volumes ?? []) {
      if (!Object.hasOwn(stack.volumes, name)) place(`${at}.volumes`, `there is no volume ${name} (there are: ${Object.keys(stack.volumes).join(', ') || 'none'})`)
    }
  }
  if (problems.length > 0) throw new ComposeError(problems)
  return parts
}

const words = z.union([z.string(), z.array(z.coerce.string())], { error: 'expected text or a list of words' })
const duration = (otherwise: string) => z.string().regex(/^(\d+(\.\d+)?(ms|s|m))+$/, { error: 'expected a duration such as 500ms, 10s or 1m30s' }).default(otherwise).transform(milliseconds)
const size = z.union([z.number(), z.string().regex(/^\d+(\.\d+)?\s*([kmg]?b?)$/i, { error: 'expected a size such as 512m or 2g' })]).transform(bytes)

const buildSchema = z.strictObject(
  { context: z.string(), dockerfile: z.string().default('Dockerfile'), args: z.record(z.string(), z.coerce.string()).default({}), network: z.string().optional() },
  { error: 'expected context and, if wanted, dockerfile, args (by name) and network; others are not supported' },
)

const rawSchema = z.looseObject({
  build: buildSchema.optional(),
  entrypoint: z.array(z.string()).optional(),
  hostname: z.string().optional(),
  user: z.coerce.string().optional(),
  init: z.boolean().optional(),
  healthcheck: z
    .looseObject({
      test: words.optional(),
      disable: z.boolean().default(false),
      interval: duration('30s'),
      timeout: duration('30s'),
      retries: z.coerce.number().int().min(1).default(3),
      start_period: duration('0s'),
    })
    .optional(),
  volumes: z.array(z.string({ error: 'expected name:/path or ./file:/path; the long form is not supported' })).default([]),
  tmpfs: z.union([z.string(), z.array(z.string())]).default([]),
  labels: z.record(z.string(), z.coerce.string()).default({}),
  sysctls: z.record(z.string(), z.coerce.string()).default({}),
  ulimits: z.record(z.string(), z.union([z.number(), z.object({ soft: z.number(), hard: z.number() })])).default({}),
  shm_size: size.optional(),
  deploy: z
    .looseObject({
      resources: z
        .looseObject({
          limits: z.looseObject({ cpus: z.coerce.number().positive().optional(), memory: size.optional(), pids: z.coerce.number().int().optional() }).prefault({}),
          reservations: z.looseObject({ memory: size.optional() }).prefault({}),
        })
        .prefault({}),
    })
    .prefault({}),
})

function toPart(raw: z.output<typeof rawSchema>): ContainerPart {
  const mounts = raw.volumes.map((text) => {
    const [from = '', path = from, mode] = text.split(':')
    return { from, path, readOnly: mode === 'ro' }
  })
  const { limits, reservations } = raw.deploy.resources
  return {
    build: raw.build,
    entrypoint: raw.entrypoint,
    hostname: raw.hostname,
    user: raw.user,
    init: raw.init,
    check: checkOf(raw.healthcheck),
    binds: mounts.filter(({ from }) => from.startsWith('/')).map(({ from, path, readOnly }) => `${from}:${path}${readOnly ? ':ro' : ''}`),
    volumes: mounts.filter(({ from }) => !from.startsWith('/')).map(({ from, path, readOnly }) => ({ name: from, path, readOnly })),
    tmpfs: Object.fromEntries([raw.tmpfs].flat().map((text) => [text.split(':')[0]!, text.split(':').slice(1).join(':')])),
    labels: raw.labels,
    sysctls: raw.sysctls,
    ulimits: Object.entries(raw.ulimits).map(([Name, limit]) => (typeof limit === 'number' ? { Name, Soft: limit, Hard: limit } : { Name, Soft: limit.soft, Hard: limit.hard })),
    shmBytes: raw.shm_size,
    memoryBytes: limits.memory,
    memoryReservationBytes: reservations.memory,
    nanoCpus: limits.cpus === undefined ? undefined : Math.round(limits.cpus * 1e9),
    pidsLimit: limits.pids,
  }
}

function checkOf(raw: z.output<typeof rawSchema>['healthcheck']): HealthCheck | undefined {
  if (raw?.test === undefined || raw.disable || raw.test[0] === 'NONE') return undefined
  return { test: typeof raw.test === 'string' ? ['CMD-SHELL', raw.test] : raw.test, timeoutMs: raw.timeout, retries: raw.retries, startPeriodMs: raw.start_period }
}

function milliseconds(text: string): number {
  const unitMs = { ms: 1, s: 1_000, m: 60_000 } as const
  return [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m)/g)].reduce((sum, [, n, unit]) => sum + Number(n) * unitMs[unit as keyof typeof unitMs], 0)
}

function bytes(value: number | string): number {
  if (typeof value === 'number') return value
  const [, n, unit] = /^([\d.]+)\s*([kmg]?)/i.exec(value)!
  return Math.round(Number(n) * 1024 ** ' kmg'.indexOf(unit === '' ? ' ' : unit!.toLowerCase()))
}

/** The words that run a check inside the container. */
export function checkCommand({ test }: HealthCheck): string[] {
  const [form, ...rest] = test
  return form === 'CMD' ? rest : form === 'CMD-SHELL' ? ['/bin/sh', '-c', rest.join(' ')] : test
}

