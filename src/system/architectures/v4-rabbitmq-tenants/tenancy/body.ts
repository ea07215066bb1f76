import { z, type ZodObject } from 'zod'
import { Refusal } from '../../../problem.ts'
import { suggest } from '../../../suggest.ts'

/** No control, format or unassigned characters: what is shown in a list, or written to a log, is what it looks like. */
const PRINTABLE = /^[^\p{C}\p{Zl}\p{Zp}]+$/u
const EMAIL = /^[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)*$/
const SLUG = /^[a-z][a-z0-9-]{1,38}[a-z0-9]$/

/** The parts that bodies are made of. Nothing that was given is repeated in what is said about it. */
export const field = {
  email: z.string().max(254).toLowerCase().regex(EMAIL, 'expected an e-mail address'),
  name: z.string().min(1).max(80).regex(PRINTABLE, 'expected 1 to 80 printable characters'),
  slug: z.string().regex(SLUG, 'expected 3 to 40 of a-z, 0-9 and -, a letter first, no - last'),
  number: z.int().min(1).max(0x7fff_ffff),
}

/**
 * The body of a request: a JSON object of strings and numbers with exactly these fields, each once. (`JSON.parse` takes the last of two equal
 * names; somebody in front of us who takes the first would have looked at something else.) Throws a {@link Refusal}.
 */
export function readBody<Schema extends ZodObject>(schema: Schema, text: unknown): z.infer<Schema> {
  const value = parseFlat(typeof text === 'string' ? text : '')
  const fields = Object.keys(schema.shape)
  const unknown = Object.keys(value).find((it) => !fields.includes(it))
  if (unknown !== undefined) {
    const shown = unknown.replace(/[^\x20-\x7e]/g, '?').slice(0, 40)
    throw new Refusal(400, { error: `unknown field ${JSON.stringify(shown)}; there are ${fields.join(', ')}.${suggest(shown, fields)}`, field: shown })
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const at = String(issue!.path[0] ?? '')
  throw new Refusal(400, { error: `${at}${Object.hasOwn(value, at) ? '' : ' is missing'}: ${issue!.message}`, field: at })
}

function parseFlat(text: string): Record<string, unknown> {
  if (text.trim() === '') throw new Refusal(400, { error: 'the body is empty: expected a JSON object' })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // What JSON.parse says quotes the body, and there may be a password in it.
    throw new Refusal(400, { error: 'the body is not JSON' })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Refusal(400, { error: 'expected a JSON object' })
  if (Object.values(value).some((it) => typeof it === 'object')) throw new Refusal(400, { error: 'expected an object of strings and numbers alone' })
  // Of a flat object every colon outside a string belongs to one name.
  const names = text.replace(/"(?:[^"\\]|\\.)*"/g, '').split(':').length - 1
  if (names !== Object.keys(value).length) throw new Refusal(400, { error: 'a field is there twice' })
  return value as Record<string, unknown>
}
