import { z } from 'zod'
import type { Architecture } from './architecture.ts'
import { nearestName } from './suggest.ts'

export type KnobValue = string | number | boolean
export type Knobs = Record<string, KnobValue>

/** One knob as `lab list knobs` shows it. */
export interface KnobDescription {
  name: string
  /** The variable that carries it into services and compose files. */
  variable: string
  default: KnobValue
  /** `no | everysec | always`, `1 … 16 (integer)`. */
  allowed: string
  description: string
}

export interface KnobProblem {
  name: string
  value: string
  /** What it may be, or, for an unknown name, which knobs there are. */
  allowed: string
  problem: string
  suggestion?: string
}

export type ParsedKnobs = { ok: true; knobs: Knobs } | { ok: false; problems: KnobProblem[] }

interface KnobSchema {
  type?: string
  enum?: KnobValue[]
  const?: KnobValue
  minimum?: number
  maximum?: number
  pattern?: string
  /** In words, where a schema cannot say it (`.meta({ allowed })`). */
  allowed?: string
  default?: KnobValue
  description?: string
}

/** `syncCommit` → `LAB_SYNC_COMMIT`. */
export function variableOf(knob: string): string {
  return `LAB_${knob.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`
}

function schemasOf(architecture: Architecture): Record<string, KnobSchema> {
  return (z.toJSONSchema(architecture.knobs, { io: 'input' }) as { properties?: Record<string, KnobSchema> }).properties ?? {}
}

export function describeKnobs(architecture: Architecture): KnobDescription[] {
  return Object.entries(schemasOf(architecture)).map(([name, schema]) => ({
    name,
    variable: variableOf(name),
    default: schema.default ?? '',
    allowed: allowedValues(schema),
    description: schema.description ?? '',
  }))
}

export function defaultKnobs(architecture: Architecture): Knobs {
  return architecture.knobs.parse({}) as Knobs
}

/**
 * Knobs from what a person typed (`{ batch: '500' }`), every other one at its default.
 * All problems at once; nothing is thrown.
 */
export function parseKnobs(architecture: Architecture, given: Record<string, string>): ParsedKnobs {
  const schemas = schemasOf(architecture)
  const names = Object.keys(schemas)
  const problems: KnobProblem[] = []
  const values: Knobs = {}
  for (const [name, value] of Object.entries(given)) {
    const schema = Object.hasOwn(schemas, name) ? schemas[name] : undefined
    if (schema === undefined) {
      const suggestion = nearestName(name, names)
      const problem = `${architecture.id} has no knob ${JSON.stringify(name)}`
      problems.push({ name, value, allowed: names.join(', ') || 'none', problem, ...(suggestion !== undefined && { suggestion }) })
    } else {
      values[name] = coerce(value, schema)
    }
  }
  const parsed = architecture.knobs.safeParse(values)
  for (const issue of parsed.error?.issues ?? []) {
    const name = String(issue.path[0] ?? '')
    const schema = schemas[name] ?? {}
    const value = given[name] ?? ''
    const suggestion = schema.enum && nearestName(value, schema.enum.map(String))
    const problem = issue.code === 'custom' ? issue.message : `${name} cannot be ${JSON.stringify(value)}`
    problems.push({ name, value, allowed: allowedValues(schema), problem, ...(suggestion !== undefined && { suggestion }) })
  }
  return problems.length === 0 ? { ok: true, knobs: parsed.data as Knobs } : { ok: false, problems }
}

/** Knobs from `LAB_*` variables; an empty one counts as not set. Names in problems are the variables'. */
export function knobsFromEnv(architecture: Architecture, env: Record<string, string | undefined>): ParsedKnobs {
  const given: Record<string, string> = {}
  for (const name of Object.keys(schemasOf(architecture))) {
    const value = env[variableOf(name)]
    if (value !== undefined && value !== '') given[name] = value
  }
  const parsed = parseKnobs(architecture, given)
  if (parsed.ok) return parsed
  return { ok: false, problems: parsed.problems.map((it) => ({ ...it, name: variableOf(it.name), problem: `${variableOf(it.name)} cannot be ${JSON.stringify(it.value)}` })) }
}

export function envFromKnobs(knobs: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(Object.entries(knobs).map(([name, value]) => [variableOf(name), String(value)]))
}

/** `batch cannot be "x". Allowed: 1 … 10000 (integer).` */
export function knobProblemLine(it: KnobProblem): string {
  return `${it.problem}. Allowed: ${it.allowed}.${it.suggestion === undefined ? '' : ` Did you mean ${JSON.stringify(it.suggestion)}?`}`
}

/** Numbers only in plain decimal form; what does not fit stays a string, for the schema to refuse. */
function coerce(value: string, schema: KnobSchema): KnobValue {
  if (schema.type === 'boolean') return value === 'true' ? true : value === 'false' ? false : value
  const numeric = schema.type === 'integer' || schema.type === 'number' || schema.enum?.some((it) => typeof it === 'number')
  return numeric && /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value
}

function allowedValues(schema: KnobSchema): string {
  if (schema.allowed !== undefined) return schema.allowed
  if (schema.enum) return schema.enum.join(' | ')
  if (schema.const !== undefined) return String(schema.const)
  if (schema.type === 'boolean') return 'true | false'
  if (schema.pattern !== undefined) return `what matches ${schema.pattern}`
  if (schema.minimum === undefined && schema.maximum === undefined) return schema.type ?? 'anything'
  return `${schema.minimum ?? '…'} … ${schema.maximum ?? ''}${schema.type === 'integer' ? ' (integer)' : ''}`
}
