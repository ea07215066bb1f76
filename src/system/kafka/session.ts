import type { Socket } from 'node:net'
import { logLevel, type Message, type Producer } from 'kafkajs'
import type { Context } from '../context.ts'
import { connectKafka, reachBrokers } from './connect.ts'

/** A message whose partition is decided. */
export interface Record extends Message {
  value: Buffer
  partition: number
}

/**
 * One kafkajs producer from its first connection until it is given up, which it is after anything that leaves in doubt what was written:
 * kafkajs takes back the sequence numbers of a batch that failed, and the next one that bore them would be taken for it and dropped.
 */
export interface Session {
  /** Resolves once all of them are acknowledged. Once it has rejected, the session must be given up. */
  send(records: Record[]): Promise<void>
  /** May what is being sent, or was sent last, have been written so that somebody will read it? */
  mayBeWritten(): boolean
  /** Aborted when it is over: every connection is gone, or it was given up. */
  ended: AbortSignal
  end(reason: string): void
}

export interface Transactions {
  id: string
  timeoutMs: number
  /** Called when all is written and nothing is committed. */
  beforeCommit(): void
}

/** A broker that was frozen answers the attempt that was waiting for it; one that is gone refuses at once. */
const CONNECT_WITHIN_MS = 4_000
/** Longer than anybody here waits: what is given up takes its connections with it. */
const ANSWER_WITHIN_MS = 6_000
/** How long a broker waits for the other replicas before it says that it has not enough of them. */
const REPLICAS_WITHIN_MS = 2_000
/** Attempts are as many as fit; who waits gives up by the clock. */
const RETRY = { initialRetryTime: 20, maxRetryTime: 250, retries: Number.MAX_SAFE_INTEGER }
const PRODUCE = 0
const API_KEY_AT = 4

/** Connects, and asks for a producer id. With `transactions` everything sent is one transaction, and whoever had that id before can commit no more. */
export async function openSession(context: Context<{ brokers?: unknown }>, purpose: string, topic: string, transactions?: Transactions): Promise<Session> {
  const gone = new AbortController()
  const sockets = new Set<Socket>()
  let produceRequests = 0
  let connected = false
  function end(reason: string): void {
    if (gone.signal.aborted) return
    gone.abort(new Error(reason))
    for (const socket of sockets) socket.destroy(new Error(reason))
    // Only for its timers: there is nothing to be polite with.
    producer.disconnect().catch(() => {})
  }
  const reach = reachBrokers(context)
  const kafka = connectKafka(context, purpose, {
    // Whoever keeps sessions says once that Kafka is away, and why.
    logLevel: logLevel.NOTHING,
    requestTimeout: ANSWER_WITHIN_MS,
    connectionTimeout: CONNECT_WITHIN_MS / 4,
    retry: { initialRetryTime: 20, maxRetryTime: 200, retries: 3 },
    socketFactory(advertised) {
      gone.signal.throwIfAborted()
      const socket = reach(advertised)
      sockets.add(socket)
      socket.once('close', () => {
        sockets.delete(socket)
        if (connected && sockets.size === 0) end('every connection is gone')
      })
      return onWrite(socket, (bytes) => {
        if (bytes.readInt16BE(API_KEY_AT) === PRODUCE) produceRequests += 1
      })
    },
  })
  const producer = kafka.producer({
    allowAutoTopicCreation: false,
    createPartitioner: () => ({ message }) => message.partition!,
    retry: RETRY,
    ...(transactions === undefined ? { idempotent: true } : { transactionalId: transactions.id, transactionTimeout: transactions.timeoutMs, maxInFlightRequests: 1 }),
  })
  const late = setTimeout(() => end(`not connected within ${CONNECT_WITHIN_MS} ms`), CONNECT_WITHIN_MS)
  try {
    await Promise.race([greet(producer, transactions), aborted(gone.signal)])
    gone.signal.throwIfAborted()
    connected = true
  } catch (error) {
    end('it never came about')
    throw error
  } finally {
    clearTimeout(late)
  }
  const sending = transactions === undefined ? plainly(producer, topic, () => produceRequests) : inTransactions(producer, topic, transactions)
  return { ...sending, ended: gone.signal, end }
}

async function greet(producer: Producer, transactions: Transactions | undefined): Promise<void> {
  await producer.connect()
  // Asks for the producer id, which ends what a predecessor has left open; nothing is in it yet, so there is nothing to abort.
  if (transactions !== undefined) await (await producer.transaction()).abort()
}

type Sending = Pick<Session, 'send' | 'mayBeWritten'>

function plainly(producer: Producer, topic: string, produceRequests: () => number): Sending {
  let before = 0
  return {
    async send(records) {
      before = produceRequests()
      await sendAll(producer, topic, records)
    },
    mayBeWritten: () => produceRequests() > before,
  }
}

function inTransactions(producer: Producer, topic: string, { beforeCommit }: Transactions): Sending {
  let committing = false
  return {
    async send(records) {
      committing = false
      const transaction = await producer.transaction()
      await sendAll(transaction, topic, records)
      beforeCommit()
      committing = true
      await transaction.commit()
    },
    // What is not committed nobody ever reads: the next session with this id, or the time limit, aborts it.
    mayBeWritten: () => committing,
  }
}

/**
 * Until every partition has acknowledged. kafkajs takes a broker that has answered once for done: when the leader of another partition dies
 * meanwhile and that broker takes it over, it would leave it out and say that all went well.
 */
async function sendAll(sender: Pick<Producer, 'sendBatch'>, topic: string, records: readonly Record[]): Promise<void> {
  let left = records
  while (left.length > 0) {
    const answers = await sender.sendBatch({ acks: -1, timeout: REPLICAS_WITHIN_MS, topicMessages: [{ topic, messages: left as Record[] }] })
    const done = new Set(answers.map((it) => it.partition))
    left = left.filter((it) => !done.has(it.partition))
    if (answers.length === 0) throw new Error('Kafka acknowledged nothing')
  }
}

/** Tells of every request before it is handed to the socket; kafkajs writes each in one piece. */
function onWrite(socket: Socket, tell: (bytes: Buffer) => void): Socket {
  const write = socket.write.bind(socket) as (...given: unknown[]) => boolean
  socket.write = ((...given: unknown[]) => {
    if (Buffer.isBuffer(given[0])) tell(given[0])
    return write(...given)
  }) as Socket['write']
  return socket
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
