import type { Socket } from 'node:net'

/** What a server with a known answer does. Times of a stall in ms since the epoch. */
export type Behaviour =
  /** 202 after `delayMs`. */
  | { kind: 'delay'; delayMs: number }
  /** At once, but what arrives during the stall is answered at its end. */
  | { kind: 'stall'; fromMs: number; toMs: number }
  /** As `delay`; every `everyMs` all connections are closed, with whatever waits on them. */
  | { kind: 'closing'; everyMs: number; delayMs: number }
  /** Request n (from 0): 500 if n mod 100 is 0, 400 if it is 50, otherwise 202. */
  | { kind: 'errors' }
  /** All answers are 2xx, in every form that HTTP/1.1 allows. */
  | { kind: 'forms' }
  /** 503 with Retry-After the first `refusals` times an order comes, then 202. */
  | { kind: 'refuse'; refusals: number; retryAfterS: number }
  | { kind: 'silent' }

/** What the server did about one id. */
export interface Seen {
  id: string
  /** ms since the epoch of every arrival. */
  atMs: number[]
  /** Status of every answer, in order; shorter than `atMs` where there was none. */
  answers: number[]
}

/** One request's way to its answer. */
export interface Exchange {
  /** Number of the request at this server, from 0. */
  number: number
  /** How often its first id has come before. */
  repeats: number
  socket: Socket
  /** Notes the answer's status and writes it, unless the connection is gone. */
  answer(status: number, text: string): void
}

export function plain(status: number, headers = ''): string {
  const body = `{"n":${status}}`
  return `HTTP/1.1 ${status} Said\r\nContent-Type: application/json\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`
}

/** Answers one request as the behaviour says. */
export function behave(behaviour: Behaviour, exchange: Exchange): void {
  const { number, answer } = exchange
  switch (behaviour.kind) {
    case 'delay':
    case 'closing':
      setTimeout(() => answer(202, plain(202)), behaviour.delayMs)
      return
    case 'stall': {
      const leftMs = behaviour.toMs - Date.now()
      if (Date.now() < behaviour.fromMs || leftMs <= 0) answer(202, plain(202))
      else setTimeout(() => answer(202, plain(202)), leftMs)
      return
    }
    case 'errors': {
      const status = number % 100 === 0 ? 500 : number % 100 === 50 ? 400 : 202
      answer(status, plain(status))
      return
    }
    case 'refuse':
      if (exchange.repeats < behaviour.refusals) answer(503, plain(503, `Retry-After: ${behaviour.retryAfterS}\r\n`))
      else answer(202, plain(202))
      return
    case 'forms':
      FORMS[number % FORMS.length]!(exchange)
      return
    case 'silent':
  }
}

/** Every way of saying 2xx. What is written after `answer` belongs to the same reply. */
const FORMS: ((exchange: Exchange) => void)[] = [
  // In three packets: within the status line, within the head, within the body.
  ({ answer, socket }) => {
    const text = plain(202)
    answer(202, text.slice(0, 7))
    // One timer inside the other: two of different length can fire in the wrong order after a stall.
    setTimeout(() => {
      socket.write(text.slice(7, 40))
      setTimeout(() => socket.write(text.slice(40)), 5)
    }, 5)
  },
  ({ answer, socket }) => {
    answer(202, 'HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"n":\r\n')
    setTimeout(() => socket.write('4;x=y\r\n202}\r\n0\r\nTrailer: yes\r\n\r\n'), 5)
  },
  ({ answer, socket }) => {
    answer(202, plain(202, 'Connection: close\r\n'))
    socket.end()
  },
  ({ answer }) => answer(202, `HTTP/1.1 100 Continue\r\n\r\n${plain(202)}`),
  ({ answer }) => answer(204, 'HTTP/1.1 204 No Content\r\n\r\n'),
  // Until the end of the stream.
  ({ answer, socket }) => {
    answer(202, 'HTTP/1.1 202 Accepted\r\n\r\n{"n":')
    setTimeout(() => socket.end('202}'), 5)
  },
  ({ answer }) => answer(201, plain(201)),
  ({ answer, socket }) => {
    answer(202, 'HTTP/1.0 202 Accepted\r\nContent-Length: 2\r\n\r\n{}')
    socket.end()
  },
]
