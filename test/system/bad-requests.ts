import { randomUUID } from 'node:crypto'

const good = (): Record<string, unknown> => ({ id: randomUUID(), type: 'order_placed', store: 'store-01', product: 'latte', amount: 4.5, timestamp: new Date().toISOString() })
const text = (change: Record<string, unknown>) => JSON.stringify({ ...good(), ...change })
const raw = (field: string, literal: string) => text({ [field]: '?' }).replace('"?"', literal)

/** What a client may send to `/order`, and the status it must see. */
export const BAD_REQUESTS: [what: string, status: number, body: string | Uint8Array, type?: string, headers?: Record<string, string>][] = [
  ['nothing', 400, ''],
  ['half of an object', 400, '{"id":'],
  ['two objects', 400, `${text({})}${text({})}`],
  ['null', 400, 'null'],
  ['an array', 400, `[${text({})}]`],
  ['an unknown field', 400, text({ note: 1 })],
  ['__proto__', 400, raw('x', '1').replace('"x"', '"__proto__"')],
  ['constructor', 400, text({ constructor: { prototype: { x: 1 } } })],
  ['a key twice, the last one wrong', 400, raw('store', '"store-01","store":"nowhere"')],
  ['a number too large for a double', 400, raw('amount', '1e999')],
  ['400 digits', 400, raw('amount', '9'.repeat(400))],
  ['1,800 levels of arrays', 400, raw('id', `${'['.repeat(1_800)}${']'.repeat(1_800)}`)],
  ['a NUL in a value', 400, raw('product', '"latte\\u0000"')],
  ['a NUL byte', 400, new Uint8Array([0x7b, 0, 0x7d])],
  ['invalid UTF-8', 400, Buffer.concat([Buffer.from('{"id":"'), Buffer.from([0xff, 0xfe, 0xc0]), Buffer.from('"}')])],
  ['a lone surrogate', 400, raw('store', '"\\ud800"')],
  ['a byte order mark', 400, `\ufeff${text({})}`],
  ['single quotes', 400, "{'id':1}"],
  ['tomorrow', 400, text({ timestamp: new Date(Date.now() + 86_400_000).toISOString() })],
  ['SQL', 400, text({ id: "'; DROP TABLE orders; --" })],
  ['4,097 bytes', 413, text({}).padEnd(4_097)],
  ['a megabyte', 413, 'x'.repeat(1_000_000)],
  ['plain text', 415, text({}), 'text/plain'],
  ['a form', 415, 'id=1', 'application/x-www-form-urlencoded'],
  ['something zipped', 415, text({}), 'application/json', { 'content-encoding': 'gzip' }],
]
