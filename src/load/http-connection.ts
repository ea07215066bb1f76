import { connect, type Socket } from 'node:net'
import { readSimpleReply, type Reply } from './http-reply.ts'
import { replyParser, type ReplyParser } from './reply-parser.ts'

/** Why a connection ended that nobody here closed: `connect` = it never came up, `bad-reply` = bytes that are no answer. */
export type CloseReason = 'connect' | 'reset' | 'bad-reply'

/** Who is told. `Job` is what the owner has in flight. */
export interface ConnectionOwner<Job> {
  onConnected(connection: HttpConnection<Job>): void
  /**
   * The answer to `job`, which is still the connection's: the owner sends the next, clears it, or (if `reply.close`) closes.
   * `reply` is only valid until something else is read.
   */
  onReply(connection: HttpConnection<Job>, job: Job, reply: Reply): void
  /** Once, unless `close()` was called before. `job` had been sent and has no answer. */
  onLost(connection: HttpConnection<Job>, job: Job | undefined, why: CloseReason): void
}

/** All sockets read into one buffer: a read is handled before the next begins, and nothing keeps a slice of it. */
const READ_BUFFER = Buffer.allocUnsafe(64 * 1024)
const REPLY: Reply = { status: 0, retryAfterS: 0, close: false, bodyStart: '' }

/**
 * One keep-alive HTTP/1.1 connection on a plain socket, one request in flight. Lost is lost: a new connection is a new
 * object, so a late reply can never be taken for the answer to a later request. A class because it is state on the
 * hottest path: at 60,000 requests a second closures per connection or a promise per request would show.
 */
export class HttpConnection<Job> {
  /** Connecting, idle or busy. */
  open = true
  connected = false
  job: Job | undefined = undefined
  /** When it last became idle (or was created), in the owner's time. */
  sinceUs: number
  readonly #owner: ConnectionOwner<Job>
  readonly #socket: Socket
  #parser: ReplyParser | undefined = undefined

  constructor(host: string, port: number, owner: ConnectionOwner<Job>, nowUs: number) {
    this.#owner = owner
    this.sinceUs = nowUs
    this.#socket = connect({ host, port, noDelay: true, onread: { buffer: READ_BUFFER, callback: (length) => this.#read(length) } })
    this.#socket.once('connect', () => {
      this.connected = true
      if (this.open) owner.onConnected(this)
    })
    this.#socket.once('end', () => this.#ended())
    this.#socket.on('error', () => this.#lost('reset'))
    this.#socket.once('close', () => this.#lost('reset'))
  }

  /** Sends one request; only while connected and idle. `text` is latin1. */
  send(text: string, job: Job): void {
    this.job = job
    this.#socket.write(text, 'latin1')
  }

  /** Closes without a word to the owner; an answer still to come goes nowhere. */
  close(): void {
    this.open = false
    this.job = undefined
    this.#socket.destroy()
  }

  #read(length: number): boolean {
    if (!this.open) return false
    if (this.job === undefined) {
      this.#lost('bad-reply')
      return false
    }
    if (this.#parser === undefined) {
      if (readSimpleReply(READ_BUFFER, length, REPLY)) {
        this.#answered(REPLY)
        return true
      }
      this.#parser = replyParser()
    }
    const outcome = this.#parser.read(READ_BUFFER.subarray(0, length))
    if (outcome === 'bad') this.#lost('bad-reply')
    else if (outcome === 'done') this.#answered(this.#parser.reply)
    return this.open
  }

  #ended(): void {
    if (this.open && this.#parser?.end() === 'done') this.#answered(this.#parser.reply)
    else this.#lost(this.#parser ? 'bad-reply' : 'reset')
  }

  #answered(reply: Reply): void {
    this.#parser = undefined
    this.#owner.onReply(this, this.job!, reply)
  }

  #lost(why: CloseReason): void {
    if (!this.open) return
    this.open = false
    this.#socket.destroy()
    this.#owner.onLost(this, this.job, this.connected ? why : 'connect')
    this.job = undefined
  }
}
