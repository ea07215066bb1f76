/**
 * Variables in compose files, as the Compose Specification has them ("Interpolation"):
 * `$VAR`, `${VAR}`, `${VAR:-x}`, `${VAR-x}`, `${VAR:?msg}`, `${VAR?msg}`, `${VAR:+x}`, `${VAR+x}`, nested in `x`, `$$`.
 * One difference, on purpose: a variable that is unset and has no default is a problem here, not an empty string with a warning.
 */
export interface Interpolated {
  text: string
  problems: string[]
}

export function interpolate(text: string, env: Readonly<Record<string, string>>): Interpolated {
  const problems: string[] = []
  const { out } = scan(text, 0, false, env, problems)
  return { text: problems.length > 0 ? '' : out, problems }
}

const NAME = /[A-Za-z_][A-Za-z0-9_]*/y

/** Expands from `at`; inside braces it stops before the closing `}`. */
function scan(text: string, at: number, inBraces: boolean, env: Readonly<Record<string, string>>, problems: string[]): { out: string; at: number } {
  let out = ''
  while (at < text.length) {
    const char = text[at]!
    if (inBraces && char === '}') return { out, at }
    if (char !== '$') {
      out += char
      at += 1
      continue
    }
    if (text[at + 1] === '$') {
      out += '$'
      at += 2
      continue
    }
    const next = text[at + 1] === '{' ? braced(text, at + 2, env, problems) : bare(text, at + 1, env, problems)
    out += next.out
    at = next.at
  }
  if (inBraces) problems.push(`"${text}" lacks a closing brace`)
  return { out, at }
}

function bare(text: string, at: number, env: Readonly<Record<string, string>>, problems: string[]): { out: string; at: number } {
  const name = nameAt(text, at)
  if (name === undefined) {
    problems.push(`"${text}" has a lone $ (write $$ for a dollar sign)`)
    return { out: '', at }
  }
  return { out: plain(name, env, problems), at: at + name.length }
}

function braced(text: string, start: number, env: Readonly<Record<string, string>>, problems: string[]): { out: string; at: number } {
  const name = nameAt(text, start)
  if (name === undefined) {
    problems.push(`"${text}" has no variable name after \${`)
    return { out: '', at: text.length }
  }
  let at = start + name.length
  if (text[at] === '}') return { out: plain(name, env, problems), at: at + 1 }
  const operator = /^:?[-?+]/.exec(text.slice(at, at + 2))?.[0]
  if (operator === undefined) {
    problems.push(`"${text}": expected }, :-, -, :?, ?, :+ or + after ${name}`)
    return { out: '', at: text.length }
  }
  at += operator.length
  const value = Object.hasOwn(env, name) ? env[name]! : undefined
  const present = operator.startsWith(':') ? value !== undefined && value !== '' : value !== undefined
  const kind = operator.at(-1)
  const wordUsed = kind === '+' ? present : !present
  // A word that is not used is still read to its end, and what is wrong in it does not matter.
  const word = scan(text, at, true, env, wordUsed ? problems : [])
  if (text[word.at] !== '}' && !wordUsed) problems.push(`"${text}" lacks a closing brace`)
  at = Math.min(word.at + 1, text.length)
  if (!wordUsed) return { out: kind === '+' ? '' : value!, at }
  if (kind === '?') problems.push(`${name} is not set${word.out ? `: ${word.out}` : ''}`)
  return { out: word.out, at }
}

function plain(name: string, env: Readonly<Record<string, string>>, problems: string[]): string {
  if (Object.hasOwn(env, name)) return env[name]!
  problems.push(`${name} is not set and has no default (write \${${name}:-…})`)
  return ''
}

function nameAt(text: string, at: number): string | undefined {
  NAME.lastIndex = at
  return NAME.exec(text)?.[0]
}
