/**
 * Does a statement ask for one workspace only? Read from its text, once, when the module with the statement is loaded. It knows the SQL that we
 * write, not all there is: what it does not understand it refuses.
 */

/** Tables with rows of tenants, and the column that says whose. A test compares them with the database's catalog. */
export const TENANT_TABLES: Readonly<Record<string, string>> = {
  memberships: 'workspace_id', projects: 'workspace_id', api_keys: 'workspace_id', orders: 'workspace_id', idempotency_keys: 'workspace_id',
  dead_letters: 'workspace_id', totals: 'workspace_id', event_aggregations: 'workspace_id', rollup_state: 'workspace_id', workspaces: 'id',
}

const VERBS = new Set(['select', 'with', 'insert', 'update', 'delete'])
const BEFORE_A_TABLE = new Set(['from', 'join', 'update', 'into', 'using', 'only', ','])
const AFTER_A_TABLE = new Set(['as', 'where', 'on', 'join', 'inner', 'left', 'cross', 'set', 'group', 'order', 'limit', 'returning', 'using', 'for', 'values', 'select', 'natural', 'offset', 'having', 'union'])
const CLAUSES = new Set(['where', 'on', 'having', 'set', 'group', 'order', 'returning', 'values', 'select', 'from', 'limit', 'conflict'])
const SET_OPERATIONS = new Set(['union', 'intersect', 'except'])
/** Each of these could undo what a filter does, or moves the border itself. */
const FORBIDDEN = new Set([';', 'right', 'full', 'natural', 'table', 'set_config', 'copy', 'users', 'signing_keys', 'everybody_aggregations'])
const TOKEN = /--[^\n]*|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$\d+|[a-z_][a-z0-9_$]*|\d+(?:\.\d+)?|::|[<>=!~*/+\-%|&#^@?]+|[^\s]/giy

/** A query on one level; what is in parentheses is levels of their own, in their place. */
type Level = (string | Level[])[]

interface Reference {
  table: string
  /** What its columns are called by. */
  name: string
  at: number
  inserted: boolean
}

/** Why a statement may show or touch rows of several workspaces; undefined when it cannot. */
export function filterProblem(sql: string): string | undefined {
  const tokens = tokensOf(sql)
  if (tokens === undefined) return 'it has a part that is not understood (block comments, dollar quotes and E-strings are not)'
  if (!VERBS.has(tokens[0] ?? '')) return 'it is no SELECT, INSERT, UPDATE or DELETE'
  if (!tokens.includes('$1')) return 'it does not use $1, the workspace'
  const always = tokens.find((it) => FORBIDDEN.has(it))
  if (always !== undefined) return `it uses ${always}`
  if (tokens.includes('insert') && tokens.some((it) => SET_OPERATIONS.has(it))) return 'it inserts what several queries give'
  const { levels, closed } = nested(tokens)
  if (!closed) return 'its parentheses do not match'
  for (const level of levels) {
    const problem = problemOf(level)
    if (problem !== undefined) return problem
  }
  return undefined
}

/** Does it change anything? */
export function writes(sql: string): boolean {
  return tokensOf(sql)?.some((it) => it === 'insert' || it === 'update' || it === 'delete') ?? true
}

function tokensOf(sql: string): string[] | undefined {
  const tokens: string[] = []
  const token = new RegExp(TOKEN)
  const text = sql.trim()
  for (let at = 0; at < text.length; at = token.lastIndex) {
    while (/\s/.test(text[at] ?? '')) at += 1
    token.lastIndex = at
    const [found] = token.exec(text) ?? []
    if (found === undefined || found === '$' || found.startsWith('/*')) return undefined
    if (found.startsWith('--')) continue
    // E'…' and U&'…' have escapes of their own.
    if (found.startsWith("'") && /[a-z&]/i.test(text[at - 1] ?? '')) return undefined
    tokens.push(found.startsWith("'") ? "''" : found.startsWith('"') ? found.slice(1, -1) : found.toLowerCase())
  }
  return tokens
}

/** Every level of the statement. UNION and its like part a level in two: each must be filtered by itself. */
function nested(tokens: readonly string[]): { levels: Level[]; closed: boolean } {
  const levels: Level[] = []
  const open: Level[][] = [[[]]]
  levels.push(open[0]![0]!)
  for (const token of tokens) {
    const parts = open.at(-1)
    if (parts === undefined) return { levels, closed: false }
    if (token === '(') {
      const inside: Level[] = [[]]
      parts.at(-1)!.push(inside)
      levels.push(inside[0]!)
      open.push(inside)
    } else if (token === ')') {
      open.pop()
    } else if (SET_OPERATIONS.has(token)) {
      const next: Level = []
      parts.push(next)
      levels.push(next)
    } else {
      parts.at(-1)!.push(token)
    }
  }
  return { levels, closed: open.length === 1 }
}

function problemOf(level: Level): string | undefined {
  const references: Reference[] = []
  for (const [at, token] of level.entries()) {
    if (typeof token !== 'string' || !Object.hasOwn(TENANT_TABLES, token)) continue
    // The name before a column, or a column of something else.
    if (level[at + 1] === '.' || (level[at - 1] === '.' && level[at - 2] !== 'public')) continue
    const before = level[level[at - 1] === '.' ? at - 3 : at - 1]
    if (typeof before !== 'string' || !BEFORE_A_TABLE.has(before)) return `${token} is named where no table is expected`
    references.push({ table: token, name: aliasAt(level, at + 1) ?? token, at, inserted: before === 'into' })
  }
  if (references.length > 0 && level.includes('or')) return 'it has an OR beside the filter: put it in parentheses'
  for (const reference of references) {
    const problem = reference.inserted ? insertProblem(level, reference) : readProblem(level, reference, references)
    if (problem !== undefined) return problem
  }
  const assigned = level.some((it, at) => it === 'workspace_id' && level[at + 1] === '=' && clauseAt(level, at) === 'set')
  return assigned ? 'it moves rows to another workspace' : undefined
}

function aliasAt(level: Level, at: number): string | undefined {
  const next = level[at] === 'as' ? level[at + 1] : level[at]
  return typeof next === 'string' && /^[a-z_]/.test(next) && !AFTER_A_TABLE.has(next) ? next : undefined
}

function readProblem(level: Level, reference: Reference, all: readonly Reference[]): string | undefined {
  const column = TENANT_TABLES[reference.table]!
  const alone = all.filter((it) => !it.inserted).length === 1
  const filtered = level.some((token, at) => {
    if (token !== column) return false
    const qualified = level[at - 1] === '.'
    if (qualified ? level[at - 2] !== reference.name : !alone) return false
    const before = level[qualified ? at - 3 : at - 1]
    if (before !== 'where' && before !== 'and' && before !== 'on') return false
    if (level[at + 1] !== '=' || level[at + 2] !== '$1' || !endsThere(level[at + 3])) return false
    const clause = clauseAt(level, at)
    // An ON says which rows of the table joined last are taken, and nothing of those before it.
    return clause === 'where' || (clause === 'on' && lastBefore(all, level.lastIndexOf('on', at)) === reference)
  })
  return filtered ? undefined : `${reference.table} is not filtered by ${reference.name}.${column} = $1`
}

function insertProblem(level: Level, { table, at }: Reference): string | undefined {
  const columns = level.slice(at).find((it) => Array.isArray(it))?.[0]
  if (columns?.[0] !== TENANT_TABLES[table]) return `an INSERT into ${table} must name ${TENANT_TABLES[table]} as the first of its columns`
  const from = level.findIndex((it, i) => i > at && (it === 'values' || it === 'select'))
  if (level[from] === 'select') return level[from + 1] === '$1' && level[from + 2] === ',' ? undefined : `what is inserted into ${table} does not begin with $1`
  const end = level.findIndex((it, i) => i > from && (it === 'on' || it === 'returning'))
  const rows = level.slice(from + 1, end === -1 ? undefined : end).filter((it) => Array.isArray(it))
  const own = from !== -1 && rows.length > 0 && rows.every(([first]) => first?.[0] === '$1' && first[1] === ',')
  return own ? undefined : `a row inserted into ${table} does not begin with $1`
}

/** `= $1 + 1` is another workspace. */
function endsThere(next: Level[number] | undefined): boolean {
  return next === undefined || (typeof next === 'string' && /^[a-z]/.test(next))
}

function clauseAt(level: Level, at: number): string | undefined {
  return level.slice(0, at).findLast((it): it is string => typeof it === 'string' && CLAUSES.has(it))
}

function lastBefore(references: readonly Reference[], at: number): Reference | undefined {
  return references.findLast((it) => it.at < at)
}
