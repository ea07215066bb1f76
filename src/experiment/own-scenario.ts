import { z } from 'zod'
import { scenarioSchema, type Scenario, type ScenarioFault } from '../scenarios/scenario.ts'
import { usual } from '../scenarios/usual.ts'
import { nearestName, suggest } from '../system/suggest.ts'

/** Where something is in what was given: names of fields and numbers of entries. */
export type Path = readonly (string | number)[]

/** One thing that is wrong with a scenario, where, what is allowed there. */
export interface ScenarioProblem {
  path: Path
  says: string
}

export type ReadScenario = { ok: true; scenario: Scenario } | { ok: false; problems: ScenarioProblem[] }

/** What a scenario of one's own may leave out: all but its phases. */
const ownSchema = z.strictObject({
  ...scenarioSchema.shape,
  id: scenarioSchema.shape.id.optional(),
  title: z.string().optional(),
  says: z.string().optional(),
  baseRate: scenarioSchema.shape.baseRate.default(100),
  customers: scenarioSchema.shape.customers.default({ commuter: 1 }),
  subscribers: scenarioSchema.shape.subscribers.default(usual.subscribers),
  connections: scenarioSchema.shape.connections.default(usual.connections),
  timeoutMs: scenarioSchema.shape.timeoutMs.default(usual.timeoutMs),
  settleSeconds: scenarioSchema.shape.settleSeconds.default(usual.settleSeconds),
  expectations: scenarioSchema.shape.expectations.default([]),
})

const jsonSchema = z.toJSONSchema(ownSchema, { io: 'input' }) as JsonSchema

interface JsonSchema {
  type?: string
  enum?: unknown[]
  const?: unknown
  pattern?: string
  minimum?: number
  exclusiveMinimum?: number
  maximum?: number
  exclusiveMaximum?: number
  minItems?: number
  properties?: Record<string, JsonSchema>
  propertyNames?: JsonSchema
  additionalProperties?: JsonSchema | boolean
  items?: JsonSchema
  oneOf?: JsonSchema[]
  anyOf?: JsonSchema[]
}

/**
 * A scenario of one's own, with all that is wrong in it at once. Faults may be written as `--fault` takes them.
 * @param name of the file, without folder and ending: the scenario's id where it has none
 * @param given what the file holds
 * @param taken ids that are the lab's own
 * @param parseFault reads a fault that is a text
 */
export function readScenario(name: string, given: unknown, taken: readonly string[], parseFault: (text: string) => { ok: true; fault: ScenarioFault } | { ok: false; says: string }): ReadScenario {
  const problems: ScenarioProblem[] = []
  const spelled = withFaultsRead(given, parseFault, problems)
  const parsed = ownSchema.safeParse(spelled)
  for (const issue of parsed.error?.issues ?? []) {
    problems.push(...problemsOf(issue, spelled).filter(({ path, says }) => !problems.some((one) => pathText(one.path) === pathText(path) || (issue.code === 'custom' && says === issue.message && isUnder(one.path, path)))))
  }
  const id = idOf(spelled) ?? idFrom(name)
  problems.push(...contradictions(isRecord(spelled) ? spelled : {}, id, taken))
  if (!parsed.success || problems.length > 0) return { ok: false, problems }
  return { ok: true, scenario: { ...parsed.data, id, title: parsed.data.title ?? `Scenario ${id}`, says: parsed.data.says ?? `From ${name}.` } }
}

function idOf(given: unknown): string | undefined {
  return isRecord(given) && typeof given['id'] === 'string' ? given['id'] : undefined
}

function isUnder(path: Path, other: Path): boolean {
  return path.length > other.length && other.every((part, i) => part === path[i])
}

/** `My load.yaml` becomes `my-load`. */
function idFrom(name: string): string {
  const id = name.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^[^a-z]+|-+$/g, '')
  return id === '' ? 'own' : id
}

/** Texts among the faults as data; a text that cannot be read is a problem, and left as it is. */
function withFaultsRead(given: unknown, parseFault: Parameters<typeof readScenario>[3], problems: ScenarioProblem[]): unknown {
  if (!isRecord(given) || !Array.isArray(given['faults'])) return given
  const faults = given['faults'].map((fault: unknown, i) => {
    if (typeof fault !== 'string') return fault
    const parsed = parseFault(fault)
    if (parsed.ok) return { ...parsed.fault, added: false }
    problems.push({ path: ['faults', i], says: `${JSON.stringify(fault)}: ${parsed.says}` })
    return fault
  })
  return { ...given, faults }
}

function problemsOf(issue: z.core.$ZodIssue, given: unknown): ScenarioProblem[] {
  const path = issue.path as Path
  const value = valueAt(given, path)
  if (issue.code === 'unrecognized_keys' || issue.code === 'invalid_key') {
    const names = namesAt(path.slice(0, issue.code === 'invalid_key' ? -1 : undefined), given)
    const keys = issue.code === 'unrecognized_keys' ? issue.keys : [String(path.at(-1))]
    const under = issue.code === 'unrecognized_keys' ? path : path.slice(0, -1)
    return keys.map((key) => ({ path: [...under, key], says: `there is no such field.${suggest(key, names)} There are: ${names.join(', ')}` }))
  }
  if (issue.code === 'custom') return [{ path, says: issue.message }]
  const schema = schemaAt(path, given)
  const kinds = issue.code === 'invalid_union' ? schemaAt(path.slice(0, -1), given)?.oneOf?.map((one) => String(one.properties?.['kind']?.const)) : undefined
  if (kinds !== undefined) return [{ path, says: refusal(value, kinds.join(' | '), kinds) }]
  const names = schema?.enum?.map(String) ?? []
  return [{ path, says: refusal(value, allowed(schema), names) }]
}

function refusal(value: unknown, allows: string, names: readonly string[]): string {
  const what = value === undefined ? 'is missing' : `cannot be ${brief(value)}`
  const nearest = typeof value === 'string' ? nearestName(value, names) : undefined
  return `${what}. Allowed: ${allows}${nearest === undefined ? '' : `. Did you mean ${JSON.stringify(nearest)}?`}`
}

/** What one schema alone cannot say, of what may be wrong in other ways, too. */
function contradictions(given: Record<string, unknown>, id: string, taken: readonly string[]): ScenarioProblem[] {
  const problems: ScenarioProblem[] = []
  const add = (path: Path, says: string) => void problems.push({ path, says })
  if (taken.includes(id)) add(['id'], `${JSON.stringify(id)} is a scenario of the lab itself: ${idOf(given) === undefined ? 'give the file another name, or the scenario an id' : 'choose another'}`)
  const phases = recordsIn(given['phases'])
  const names = phases.flatMap(({ name }) => (typeof name === 'string' ? [name] : []))
  phases.forEach(({ name }, i) => {
    const first = phases.findIndex((phase) => phase['name'] === name)
    if (typeof name === 'string' && first !== i) add(['phases', i, 'name'], `${JSON.stringify(name)} is the name of phases[${first}] already: each needs one of its own`)
  })
  if (phases.length > 0 && phases.every(({ warmup }) => warmup === true)) add(['phases'], 'are all warm-up, so nothing would be measured: one at least must be without warmup: true')
  const expectations = recordsIn(given['expectations'])
  expectations.forEach(({ phase, atMost, atLeast }, i) => {
    if (typeof phase === 'string' && !names.includes(phase)) add(['expectations', i, 'phase'], `cannot be ${JSON.stringify(phase)}.${suggest(phase, names)} Phases are: ${names.join(', ')}`)
    if (atMost === undefined && atLeast === undefined) add(['expectations', i], 'expects nothing: it needs atMost or atLeast')
  })
  const spike = isRecord(given['spike']) ? given['spike'] : {}
  for (const [field, phase] of Object.entries(spike)) {
    if (typeof phase === 'string' && !names.includes(phase)) add(['spike', field], `cannot be ${JSON.stringify(phase)}.${suggest(phase, names)} Phases are: ${names.join(', ')}`)
  }
  if (typeof spike['base'] === 'string' && names.includes(spike['base']) && names.indexOf(spike['base']) >= names.indexOf(String(spike['hold']))) add(['spike', 'hold'], 'must be a phase after base')
  const search = isRecord(given['search']) ? given['search'] : undefined
  if (search && Number(search['lowestRate']) > Number(search['highestRate'])) add(['search', 'highestRate'], `is below lowestRate, ${brief(search['lowestRate'])}`)
  if (search && expectations.length === 0) add(['expectations'], 'are missing: they say what it means that a rate holds, which a search has to know')
  if (search && recordsIn(given['faults']).length > 0) add(['faults'], 'cannot be combined with search, which asks what a whole system holds')
  if (search && given['faultsFromSeconds'] !== undefined) add(['faultsFromSeconds'], 'cannot be combined with search, which asks what a whole system holds')
  return problems
}

function recordsIn(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.map((one: unknown) => (isRecord(one) ? one : {})) : []
}

function allowed(schema: JsonSchema | undefined): string {
  if (schema === undefined) return 'nothing'
  if (schema.enum) return schema.enum.join(' | ')
  if (schema.const !== undefined) return String(schema.const)
  const oneOf = schema.oneOf ?? schema.anyOf
  if (oneOf) return oneOf.map(allowed).join(', or ')
  if (schema.type === 'boolean') return 'true | false'
  if (schema.type === 'array') return `a list${schema.minItems ? ` of at least ${schema.minItems}` : ''}`
  if (schema.type === 'object') return `a mapping${schema.properties ? ` with ${Object.keys(schema.properties).join(', ')}` : ''}`
  if (schema.pattern !== undefined) return `a text that matches ${schema.pattern}`
  if (schema.type !== 'number' && schema.type !== 'integer') return schema.type === 'string' ? 'a text' : 'anything'
  const bounds = [
    ...(schema.exclusiveMinimum === undefined ? [] : [`above ${schema.exclusiveMinimum}`]),
    ...(schema.minimum === undefined || schema.minimum <= Number.MIN_SAFE_INTEGER ? [] : [`${schema.minimum} or more`]),
    ...(schema.exclusiveMaximum === undefined ? [] : [`below ${schema.exclusiveMaximum}`]),
    ...(schema.maximum === undefined || schema.maximum >= Number.MAX_SAFE_INTEGER ? [] : [`at most ${schema.maximum}`]),
  ]
  return [`a ${schema.type === 'integer' ? 'whole ' : ''}number`, ...bounds].join(', ')
}

function namesAt(path: Path, given: unknown): string[] {
  const schema = schemaAt(path, given)
  return schema?.properties ? Object.keys(schema.properties) : (schema?.propertyNames?.enum ?? []).map(String)
}

/** The part of the schema that a path leads to; of alternatives, the one that the given `kind` chooses. */
function schemaAt(path: Path, given: unknown): JsonSchema | undefined {
  let schema: JsonSchema | undefined = jsonSchema
  for (const [i, part] of path.entries()) {
    schema = chosen(schema, valueAt(given, path.slice(0, i)))
    if (typeof part === 'number') schema = schema?.items
    else schema = schema?.properties?.[part] ?? (typeof schema?.additionalProperties === 'object' ? schema.additionalProperties : undefined)
  }
  return chosen(schema, valueAt(given, path))
}

function chosen(schema: JsonSchema | undefined, value: unknown): JsonSchema | undefined {
  if (!schema?.oneOf || !isRecord(value)) return schema
  return schema.oneOf.find((one) => one.properties?.['kind']?.const === value['kind']) ?? schema
}

function valueAt(given: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, part) => (typeof value === 'object' && value !== null ? (value as Record<string | number, unknown>)[part] : undefined), given)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function brief(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? typeof value)
  return text.length <= 60 ? text : `${text.slice(0, 57)}…`
}

/** `phases[1].shape.kind` */
export function pathText(path: Path): string {
  return path.map((part, i) => (typeof part === 'number' ? `[${part}]` : `${i === 0 ? '' : '.'}${part}`)).join('')
}
