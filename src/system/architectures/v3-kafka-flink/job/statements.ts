/** Reads Flink SQL as the service `job` needs it: text in, statements out. */

export interface JobStatements {
  /** Of the `SET` statements, by key. */
  settings: Record<string, string>
  /** All others, in order, without comments and semicolons. */
  statements: string[]
}

/** Puts values in place of `{{name}}`, as the text of a literal. @throws naming what is missing or superfluous */
export function fillIn(text: string, values: Readonly<Record<string, string | number>>): string {
  const used = new Set<string>()
  const filled = text.replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = values[name]
    if (value === undefined) throw new Error(`the job's text has a place {{${name}}} that nothing is put into`)
    used.add(name)
    return String(value).replaceAll("'", "''")
  })
  const unused = Object.keys(values).filter((name) => !used.has(name))
  if (unused.length > 0) throw new Error(`the job's text has no place for ${unused.join(', ')}`)
  return filled
}

/** Splits at semicolons that end a line; a statement set goes on until its `END`. */
export function splitStatements(text: string): JobStatements {
  const settings: Record<string, string> = {}
  const statements: string[] = []
  const lines = text.split('\n').filter((line) => !line.trimStart().startsWith('--'))
  let open = ''
  for (const line of lines) {
    open += `${line}\n`
    const isSet = /^\s*EXECUTE STATEMENT SET/i.test(open)
    if (!line.trimEnd().endsWith(';') || (isSet && !/^\s*END;$/i.test(line.trimEnd()))) continue
    const statement = open.trim().replace(/;$/, '')
    open = ''
    const [, key, value] = /^SET '([^']+)' = '((?:[^']|'')*)'$/.exec(statement) ?? []
    if (key !== undefined && value !== undefined) settings[key] = value.replaceAll("''", "'")
    else statements.push(statement)
  }
  if (open.trim() !== '') throw new Error(`the job's text ends within a statement: ${open.trim().slice(0, 60)} …`)
  return { settings, statements }
}
