import { Unavailable, Unknown } from './architecture.ts'

/** The body of every answer that is not a success. */
export interface ErrorBody {
  error: string
  /** The field at fault. */
  field?: string
  /** Which order of a batch. */
  index?: number
  retryAfterS?: number
  /** Every failing order of a batch; `field` and `index` above are those of the first. */
  errors?: { index: number; field?: string; error: string }[]
}

/** `WWW-Authenticate` of every 401: what would have been accepted. https://www.rfc-editor.org/rfc/rfc9110#name-www-authenticate */
export const CHALLENGE = 'Bearer realm="load-lab", ApiKey realm="load-lab"'

/** What a client got wrong, with the status that says so. */
export class Refusal extends Error {
  override name = 'Refusal'
  readonly status: number
  readonly body: ErrorBody
  constructor(status: number, body: ErrorBody) {
    super(body.error)
    this.status = status
    this.body = body
  }
}

/** Status and body for anything that was thrown. `undefined`: a fault of ours, 500. */
export function answerFor(error: unknown): { status: number; body: ErrorBody } | undefined {
  if (error instanceof Refusal) return error
  if (error instanceof Unavailable) return { status: 503, body: { error: error.message, retryAfterS: error.retryAfterS } }
  if (error instanceof Unknown) return { status: 504, body: { error: error.message } }
  const status = (error as { statusCode?: unknown } | null)?.statusCode
  if (error instanceof Error && typeof status === 'number' && status >= 400 && status < 500) return { status, body: { error: error.message } }
  return undefined
}
