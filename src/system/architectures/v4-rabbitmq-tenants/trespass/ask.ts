import { WebSocket } from 'ws'

export interface Answer {
  status: number
  text: string
}

export interface Question {
  method?: string
  headers?: Record<string, string>
  body?: unknown
}

const ANSWER_WITHIN_MS = 3_000
const LONGEST_FRAME_BYTES = 16 * 1024 * 1024

/** `undefined`: no answer. */
export async function ask(url: string, { headers = {}, body, method = body === undefined ? 'GET' : 'POST' }: Question = {}): Promise<Answer | undefined> {
  try {
    const response = await fetch(url, {
      method,
      headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    })
    return { status: response.status, text: await response.text() }
  } catch {
    return undefined
  }
}

/** The first frame of a dashboard socket as an answer of status 200, or the status with which the upgrade was refused. */
export async function firstFrame(url: string, headers: Record<string, string>): Promise<Answer | undefined> {
  const socket = new WebSocket(url, { headers, perMessageDeflate: false, handshakeTimeout: ANSWER_WITHIN_MS, maxPayload: LONGEST_FRAME_BYTES })
  const late = setTimeout(() => socket.terminate(), ANSWER_WITHIN_MS)
  try {
    return await new Promise<Answer | undefined>((resolve) => {
      socket.once('message', (data) => resolve({ status: 200, text: String(data) }))
      socket.once('unexpected-response', (request, response) => {
        resolve({ status: response.statusCode ?? 0, text: '' })
        request.destroy()
      })
      socket.on('error', () => resolve(undefined))
      socket.once('close', () => resolve(undefined))
    })
  } finally {
    clearTimeout(late)
    socket.terminate()
  }
}
