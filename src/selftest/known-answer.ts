/**
 * A process of servers whose answers are known ahead, steered over Node's channel to its parent; it ends with it.
 * Apart from the injector's process, so that neither disturbs the other's loop.
 */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { behave, type Behaviour, type Seen } from './behaviours.ts'
import { startPusher, type PusherReport } from './pusher.ts'
import { idsIn, requestReader } from './request-reader.ts'

export type ToKnownAnswer =
  | { call: number; do: 'serve'; behaviour: Behaviour }
  | { call: number; do: 'push' }
  | { call: number; do: 'report'; port: number }
export type FromKnownAnswer = { call: number } & ({ port: number } | { report: ServerReport } | { report: PusherReport } | { error: string })

export interface ServerReport {
  /** Whole requests received. */
  requests: number
  connections: number
  seen: Seen[]
}

interface Serving {
  report(): ServerReport | PusherReport
}

const serving = new Map<number, Serving>()

process.on('message', (message: ToKnownAnswer) => {
  answer(message).then(
    (reply) => send({ call: message.call, ...reply }),
    (error: Error) => send({ call: message.call, error: error.message }),
  )
})
process.on('disconnect', () => process.exit(0))
process.on('SIGINT', () => {})

function send(message: FromKnownAnswer): void {
  process.send!(message)
}

async function answer(message: ToKnownAnswer) {
  if (message.do === 'report') {
    const found = serving.get(message.port)
    if (!found) throw new Error(`nothing served on port ${message.port}`)
    return { report: found.report() } as { report: ServerReport } | { report: PusherReport }
  }
  const started = message.do === 'push' ? await startPusher() : await serve(message.behaviour)
  serving.set(started.port, started)
  return { port: started.port }
}

async function serve(behaviour: Behaviour): Promise<Serving & { port: number }> {
  const seen = new Map<string, Seen>()
  const sockets = new Set<Socket>()
  let requests = 0
  let connections = 0
  const server = createServer({ noDelay: true }, (socket) => {
    connections++
    sockets.add(socket)
    const read = requestReader()
    socket.on('error', () => socket.destroy())
    socket.on('close', () => sockets.delete(socket))
    socket.on('data', (chunk) => {
      for (const { text } of read(chunk)) received(socket, text)
    })
  })

  function received(socket: Socket, text: string): void {
    const entries = idsIn(text).map((id) => {
      const entry = seen.get(id) ?? { id, atMs: [], answers: [] }
      seen.set(id, entry)
      entry.atMs.push(Date.now())
      return entry
    })
    behave(behaviour, {
      number: requests++,
      repeats: entries[0] ? entries[0].atMs.length - 1 : 0,
      socket,
      answer(status, reply) {
        if (socket.destroyed) return
        for (const entry of entries) entry.answers.push(status)
        socket.write(reply)
      },
    })
  }

  if (behaviour.kind === 'closing') setInterval(() => sockets.forEach((socket) => socket.destroy()), behaviour.everyMs)
  const port = await listening(server)
  return { port, report: () => ({ requests, connections, seen: [...seen.values()] }) }
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', 1024, resolve))
  return (server.address() as AddressInfo).port
}
