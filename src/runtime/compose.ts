import { z } from 'zod'
import { absoluteEntries, expand, parseFile, unknownKeys, whereIs, withNormalServices, type ComposeFile } from './compose-file.ts'
import { isMap, mergeCompose, type YamlMap } from './compose-merge.ts'
import { ComposeError, type ComposeProblem } from './errors.ts'
import { interpolate } from './interpolate.ts'

export type { ComposeFile } from './compose-file.ts'
export { readComposeFiles } from './compose-read.ts'

/** Pure reading of compose files: text in, a typed stack or every problem at once out. */

/** `container`: what has no form but its image; the local runtime goes without. */
export const PROVIDERS = ['postgres', 'redis', 'kafka', 'flink', 'rabbitmq', 'clickhouse', 'node', 'prometheus', 'container'] as const
export type ProviderName = (typeof PROVIDERS)[number]

export const CONDITIONS = ['service_started', 'service_healthy', 'service_completed_successfully'] as const
export type Condition = (typeof CONDITIONS)[number]

export interface ComposeService {
  name: string
  provider: ProviderName
  image?: string
  /** Words, without a shell. Empty: the image's own. */
  command: string[]
  environment: Record<string, string>
  dependsOn: Record<string, Condition>
  replicas: number
  restart: { policy: 'no' | 'on-failure' | 'always' | 'unless-stopped'; max?: number }
  /** Variable → port inside the container. */
  ports: Record<string, number>
  /** node: absolute path of the script that stands in for the system. */
  entry?: string
  /** postgres: name of the service it follows. */
  standbyOf?: string
  stopGraceMs: number
  /** Others wait for it to end well, so it ends by itself. */
  oneShot: boolean
  /** All of it as merged, with paths and variables resolved: for what only containers have. */
  raw: YamlMap
}

export interface Stack {
  services: Record<string, ComposeService>
  /** Names, every service after all it depends on. */
  order: string[]
  /** Named volumes, as merged. */
  volumes: YamlMap
}

/**
 * The `x-lab.ports` of all files, before interpolation: variable → port inside the container. Whatever is malformed is left to {@link readStack}.
 * @param leftOut services whose ports do not count
 */
export function portVariables(files: readonly ComposeFile[], leftOut: ReadonlySet<string> = new Set()): Record<string, number> {
  const ports: Record<string, number> = {}
  for (const { services } of files.map(parseFile).map(({ map }) => map)) {
    for (const [name, service] of isMap(services) ? Object.entries(services) : []) {
      if (leftOut.has(name)) continue
      const lab = isMap(service) ? service['x-lab'] : undefined
      for (const [name, port] of Object.entries(isMap(lab) && isMap(lab.ports) ? lab.ports : {})) {
        if (typeof port === 'number') ports[name] = port
      }
    }
  }
  return ports
}

/** The stack without these services; nothing waits for them any more. */
export function without({ services, order, volumes }: Stack, leftOut: ReadonlySet<string>): Stack {
  const kept = Object.values(services).filter(({ name }) => !leftOut.has(name))
  const waitingFor = (service: ComposeService) => Object.fromEntries(Object.entries(service.dependsOn).filter(([name]) => !leftOut.has(name)))
  return { services: Object.fromEntries(kept.map((service) => [service.name, { ...service, dependsOn: waitingFor(service) }])), order: order.filter((name) => !leftOut.has(name)), volumes }
}

/** Names of the services that are nothing but an image, before interpolation. */
export function containersOnly(files: readonly ComposeFile[]): string[] {
  return files.map(parseFile).flatMap(({ map: { services } }) => (isMap(services) ? Object.entries(services) : []).flatMap(([name, service]) => {
    const lab = isMap(service) ? service['x-lab'] : undefined
    return isMap(lab) && lab.provider === 'container' ? [name] : []
  }))
}

/** Values may name addresses that are settled later than they: `http://${OTLP_HOST:-collector}:${OTLP_PORT:-4318}`. */
export function withAddresses(env: Readonly<Record<string, string>>, addresses: Readonly<Record<string, string>>): Record<string, string> {
  const settled = Object.entries(env).map(([name, value]) => {
    const { text, problems } = interpolate(value, addresses)
    return [name, problems.length > 0 ? value : text] as const
  })
  return { ...Object.fromEntries(settled), ...addresses }
}

/**
 * Reads, interpolates, merges (later files win) and checks.
 * @throws ComposeError with everything that is wrong, each with its file and path
 */
export function readStack(files: readonly ComposeFile[], env: Readonly<Record<string, string>>): Stack {
  const parsed = files.map(parseFile)
  const unreadable = parsed.flatMap((file) => file.problems)
  if (unreadable.length > 0) throw new ComposeError(unreadable)
  const problems = parsed.flatMap(unknownKeys)
  const expanded = parsed.map((file) => absoluteEntries(file, expand(file, file.map, [], env, problems) as YamlMap))
  const merged = expanded.map(withNormalServices).reduce(mergeCompose, {})
  const services: Record<string, ComposeService> = {}
  const place = (path: string[], says: string): ComposeProblem => ({ ...whereIs(parsed, path), path: path.join('.'), says })

  if (!isMap(merged.services) || Object.keys(merged.services).length === 0) problems.push(place(['services'], 'there are no services'))
  for (const [name, raw] of Object.entries(isMap(merged.services) ? merged.services : {})) {
    const checked = serviceSchema.safeParse(raw)
    if (checked.success) services[name] = toService(name, checked.data, merged.services as YamlMap, env)
    else problems.push(...checked.error.issues.map((issue) => place(['services', name, ...issue.path.map(String)], reason(issue))))
    if (checked.data?.entrypoint && !checked.data['x-lab'].standbyOf) {
      problems.push(place(['services', name, 'entrypoint'], 'only a standby (x-lab.standbyOf) has one: the local runtime could not do the same for others'))
    }
  }
  const names = Object.keys(isMap(merged.services) ? merged.services : {})
  problems.push(...crossChecks(Object.values(services), names).map(({ path, says }) => place(path, says)))
  if (problems.length > 0) throw new ComposeError(problems)
  const { order, cycle } = startOrder(services)
  if (cycle) throw new ComposeError([place(['services', cycle[0]!, 'depends_on'], `a circle: ${cycle.join(' → ')}`)])
  return { services, order, volumes: isMap(merged.volumes) ? merged.volumes : {} }
}

/** Names in an order in which each comes after all it depends on (ties as written), or a circle. */
export function startOrder(services: Readonly<Record<string, Pick<ComposeService, 'dependsOn'>>>): { order: string[]; cycle?: string[] } {
  const order: string[] = []
  const path: string[] = []
  const visit = (name: string): string[] | undefined => {
    if (order.includes(name)) return undefined
    if (path.includes(name)) return [...path.slice(path.indexOf(name)), name]
    path.push(name)
    for (const dependency of Object.keys(services[name]?.dependsOn ?? {})) {
      const cycle = visit(dependency)
      if (cycle) return cycle
    }
    path.pop()
    order.push(name)
    return undefined
  }
  for (const name of Object.keys(services)) {
    const cycle = visit(name)
    if (cycle) return { order, cycle }
  }
  return { order }
}

// ── one service ─────────────────────────────────────────────────────────────────────────────────────────────

const scalar = z.union([z.string(), z.number(), z.boolean()], { error: 'expected text, a number or a boolean' })
const oneOf = (names: readonly string[]) => `expected one of ${names.join(', ')}`

const serviceSchema = z.looseObject({
  image: z.string().optional(),
  command: z.union([z.string(), z.array(scalar)], { error: 'expected text or a list of words' }).nullish(),
  entrypoint: z.array(z.string(), { error: 'expected a list of words' }).optional(),
  environment: z.record(z.string(), scalar.nullable()).default({}),
  depends_on: z
    .record(z.string(), z.looseObject({ condition: z.enum(CONDITIONS, { error: oneOf(CONDITIONS) }).default('service_started') }))
    .default({}),
  restart: z
    // YAML 1.1 readers take a bare `no` for false.
    .preprocess((value) => (value === false ? 'no' : value), z.string().regex(/^(no|always|unless-stopped|on-failure(:\d+)?)$/, {
      error: 'expected "no", on-failure, on-failure:<n>, always or unless-stopped',
    }))
    .default('no'),
  deploy: z.looseObject({ replicas: z.coerce.number({ error: 'expected a whole number' }).int().min(0).max(100).default(1) }).prefault({}),
  stop_grace_period: z.string().regex(/^(\d+(\.\d+)?(ms|s|m))+$/, { error: 'expected a duration such as 500ms, 10s or 1m30s' }).default('10s'),
  'x-lab': z.looseObject(
    {
      provider: z.enum(PROVIDERS, { error: oneOf(PROVIDERS) }),
      ports: z.record(
        z.string().regex(/^[A-Z][A-Z0-9_]*_PORT$/, { error: 'a port variable is named like REDIS_PORT' }),
        z.number({ error: 'expected a port number' }).int().min(1).max(65_535),
      ).default({}),
      entry: z.string().optional(),
      standbyOf: z.string().optional(),
    },
    { error: 'is missing; every service needs x-lab: { provider: … }' },
  ),
})

/** Of a wrong key in a map of one's own names, zod keeps the reason one level down. */
function reason(issue: z.core.$ZodIssue): string {
  return issue.code === 'invalid_key' ? issue.issues.map(({ message }) => message).join('; ') : issue.message
}

function toService(name: string, raw: z.output<typeof serviceSchema>, all: YamlMap, env: Readonly<Record<string, string>>): ComposeService {
  const lab = raw['x-lab']
  const [policy, max] = raw.restart.split(':') as [ComposeService['restart']['policy'], string | undefined]
  const awaited = Object.values(all).some((other) => {
    const needs = isMap(other) && isMap(other.depends_on) ? other.depends_on[name] : undefined
    return isMap(needs) && needs.condition === 'service_completed_successfully'
  })
  return {
    name,
    provider: lab.provider,
    image: raw.image,
    command: typeof raw.command === 'string' ? splitWords(raw.command) : (raw.command ?? []).map(String),
    environment: Object.fromEntries(
      Object.entries(raw.environment).flatMap(([key, value]) => {
        const text = value === null ? env[key] : String(value)
        return text === undefined ? [] : [[key, text]]
      }),
    ),
    dependsOn: Object.fromEntries(Object.entries(raw.depends_on).map(([other, { condition }]) => [other, condition])),
    replicas: raw.deploy.replicas,
    restart: { policy, ...(max === undefined ? {} : { max: Number(max) }) },
    ports: lab.ports,
    entry: lab.entry,
    standbyOf: lab.standbyOf,
    stopGraceMs: durationMs(raw.stop_grace_period),
    oneShot: awaited,
    raw: all[name] as YamlMap,
  }
}

function crossChecks(services: readonly ComposeService[], names: readonly string[]): { path: string[]; says: string }[] {
  const problems: { path: string[]; says: string }[] = []
  const owners = new Map<string, string>()
  for (const service of services) {
    const at = ['services', service.name]
    for (const other of Object.keys(service.dependsOn)) {
      if (!names.includes(other)) problems.push({ path: [...at, 'depends_on', other], says: `there is no service ${other} (there are: ${names.join(', ')})` })
    }
    if (service.provider !== 'node' && service.replicas > 1) {
      problems.push({ path: [...at, 'deploy', 'replicas'], says: `${service.replicas} replicas of a ${service.provider}: only provider node has replicas` })
    }
    if (service.provider !== 'node' && service.entry) problems.push({ path: [...at, 'x-lab', 'entry'], says: 'only provider node runs a script' })
    problems.push(...standbyProblems(service, services).map((says) => ({ path: [...at, 'x-lab', 'standbyOf'], says })))
    if (service.oneShot && ['always', 'unless-stopped'].includes(service.restart.policy)) {
      problems.push({ path: [...at, 'restart'], says: `others wait for it to end, and ${service.restart.policy} would start it again for ever` })
    }
    for (const port of Object.keys(service.ports)) {
      const owner = owners.get(port)
      if (owner) problems.push({ path: [...at, 'x-lab', 'ports', port], says: `service ${owner} has ${port} already` })
      owners.set(port, service.name)
    }
  }
  return problems
}

/** What is copied must be there, be asked for the copy while it runs, and be able to say what it writes. */
function standbyProblems({ provider, standbyOf, dependsOn }: ComposeService, services: readonly ComposeService[]): string[] {
  if (standbyOf === undefined) return []
  const primary = services.find(({ name }) => name === standbyOf)
  if (provider !== 'postgres') return ['only provider postgres has standbys']
  if (primary?.provider !== 'postgres' || primary.standbyOf !== undefined) return [`${standbyOf} is no PostgreSQL that could be followed`]
  if (dependsOn[standbyOf] !== 'service_healthy') return [`needs depends_on: { ${standbyOf}: { condition: service_healthy } }`]
  return []
}

/** Splits a command line into words as a shell would, with quotes and backslashes and nothing else. */
export function splitWords(line: string): string[] {
  const words: string[] = []
  for (const match of line.matchAll(/(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+/g)) {
    words.push(
      match[0].replace(/\\(.)|"((?:[^"\\]|\\.)*)"|'([^']*)'/g, (_, escaped?: string, double?: string, single?: string) =>
        escaped ?? single ?? double!.replace(/\\(["\\$`])/g, '$1'),
      ),
    )
  }
  return words
}

function durationMs(text: string): number {
  const unitMs = { ms: 1, s: 1_000, m: 60_000 } as const
  return [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m)/g)].reduce((sum, [, n, unit]) => sum + Number(n) * unitMs[unit as keyof typeof unitMs], 0)
}
