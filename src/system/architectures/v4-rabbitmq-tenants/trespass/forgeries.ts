import { createHmac } from 'node:crypto'

/** What a token can be turned into by who has one, and no key to sign with. Each must be refused. */
export function forgeries(token: string, { workspace, kid }: { workspace: number; kid: string }): { what: string; token: string }[] {
  const [head, body, signature] = token.split('.') as [string, string, string]
  const header = read(head)
  const claims = read(body)
  const other = write({ ...claims, ws: workspace })
  const operator = write({ iss: claims['iss'], sub: 'operator', aud: 'load-lab:operator', iat: claims['iat'], exp: claims['exp'] })
  const signed = (alg: unknown, content: string, secret: string) => {
    const text = `${write(alg as Record<string, unknown>)}.${content}`
    return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
  }
  return [
    { what: 'with another workspace in it, the signature kept', token: `${head}.${other}.${signature}` },
    { what: 'with another workspace in it, and no algorithm', token: `${write({ ...header, alg: 'none' })}.${other}.` },
    { what: 'with another workspace in it, signed with an empty key', token: signed(header, other, '') },
    { what: 'with another workspace in it, signed with the name of the key', token: signed(header, other, kid) },
    { what: 'with another workspace in it, and a key of its own in the header', token: signed({ ...header, jwk: { kty: 'oct', k: 'bGFi' } }, other, 'lab') },
    { what: 'with another workspace in it, and a path for a key', token: signed({ ...header, kid: '../../../../dev/null' }, other, '') },
    { what: 'with the audience of the operator, the signature kept', token: `${head}.${operator}.${signature}` },
  ]
}

function read(part: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>
}

function write(part: Record<string, unknown>): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}

/** The name of the key that signed a token. */
export function kidOf(token: string): string {
  return String(read(token.split('.')[0]!)['kid'])
}
