/** Takes requests off a connection's bytes: all that servers with known answers (and a benchmark's) need of HTTP. */
export interface ReadRequest {
  /** Whole text, head and body. */
  text: string
}

const HEAD_END = Buffer.from('\r\n\r\n')
const LENGTH = Buffer.from('Content-Length: ')

/** Feed it chunks; it returns the requests that became whole. Expects Content-Length as our injector and autocannon write it. */
export function requestReader(): (chunk: Buffer) => ReadRequest[] {
  let held: Buffer = Buffer.alloc(0)
  return (chunk) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    const requests: ReadRequest[] = []
    for (let length = requestLength(held); length > 0 && length <= held.length; length = requestLength(held)) {
      requests.push({ text: held.toString('latin1', 0, length) })
      held = held.subarray(length)
    }
    return requests
  }
}

/** Of the request at the beginning; 0 while its head is not whole. */
export function requestLength(bytes: Buffer): number {
  const head = bytes.indexOf(HEAD_END)
  if (head < 0) return 0
  const at = bytes.indexOf(LENGTH)
  const body = at < 0 || at > head ? 0 : Number.parseInt(bytes.toString('latin1', at + LENGTH.length, at + LENGTH.length + 10), 10)
  return head + HEAD_END.length + body
}

const ID = /"id":"([0-9a-f-]{36})"/g

export function idsIn(text: string): string[] {
  return Array.from(text.matchAll(ID), (match) => match[1]!)
}
