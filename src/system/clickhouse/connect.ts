import { createClient, ClickHouseError, type ClickHouseSettings } from '@clickhouse/client'
import { Readable } from 'node:stream'
import type { Context } from '../context.ts'
import { reasonOf } from '../reason.ts'

/** Compose's environment of the service. */
export const ACCOUNT = { username: 'lab', password: 'lab', database: 'lab' } as const

/** What waits longer for ClickHouse gives up: ms. */
const ANSWERS_WITHIN_MS = 20_000
/** ClickHouse closes a connection that was idle for 10 s. */
const IDLE_SOCKET_MS = 5_000

const SETTINGS: ClickHouseSettings = {
  // On by default from 26.1 on: then an insert is answered from a buffer, and neither its block nor its token are its own.
  async_insert: 0,
  output_format_json_quote_64bit_integers: 0,
  // Lists of ids are part of the statement.
  max_query_size: '16777216',
}

/** What nobody waits for any more is ended; only of statements that may not write is ClickHouse sure enough for that. */
const READING: ClickHouseSettings = { readonly: '2', cancel_http_readonly_queries_on_client_close: 1 }

export type Params = Record<string, string | number | boolean | readonly (string | number)[]>

export interface Ask {
  params?: Params
  settings?: ClickHouseSettings
  /** Gives up after so long. */
  withinMs?: number
  signal?: AbortSignal
}

/** ClickHouse over HTTP, with what we need of it. All of it rejects with {@link ClickHouseError} when the server refuses, and otherwise when it is away. */
export interface Clickhouse extends AsyncDisposable {
  /** All rows of a SELECT, each as its values in their order. */
  rows<Row extends readonly unknown[]>(select: string, ask?: Ask): Promise<Row[]>
  /** A statement without an answer. */
  run(statement: string, ask?: Ask): Promise<void>
  /** `into` is an INSERT up to and with its FORMAT; the bytes are in it. Resolves once they are parts of the table and of its views. */
  insert(into: string, bytes: Buffer, ask?: Ask): Promise<void>
  /** The answer to a SELECT with its FORMAT, as it comes and as slowly as it is read. Rejects as well when it breaks off with an error on the way. */
  stream(select: string, ask?: Ask): AsyncGenerator<Buffer>
}

/** @param connections open at once, at most; what comes beyond waits for one */
export function connectClickhouse(context: Context, purpose: string, connections = 8): Clickhouse {
  const { host, port } = context.address('clickhouse')
  const { user, password = '', namespace, tls, ca } = context.access('clickhouse')
  const client = createClient({
    url: `${tls === 'off' ? 'http' : 'https'}://${host}:${port}`,
    ...(namespace === '' ? ACCOUNT : { username: user ?? 'default', password, database: namespace }),
    ...(ca !== undefined && { tls: { ca_cert: Buffer.from(ca) } }),
    application: `load-lab-${purpose}`,
    max_open_connections: connections,
    request_timeout: ANSWERS_WITHIN_MS,
    keep_alive: { enabled: true, idle_socket_ttl: IDLE_SOCKET_MS, eagerly_destroy_stale_sockets: true },
    clickhouse_settings: SETTINGS,
    // Whoever asks hears of it.
    log: { level: 127 },
  })
  const options = ({ params, settings, withinMs = ANSWERS_WITHIN_MS, signal }: Ask) => {
    const late = AbortSignal.timeout(withinMs)
    return { query_params: params, clickhouse_settings: settings, abort_signal: signal === undefined ? late : AbortSignal.any([signal, late]) }
  }

  return {
    async rows<Row extends readonly unknown[]>(select: string, ask: Ask = {}) {
      const answer = await client.query({ query: select, format: 'JSONCompactEachRow', ...options({ ...ask, settings: { ...READING, ...ask.settings } }) })
      return await answer.json<Row>()
    },
    async run(statement, ask = {}) {
      await client.command({ query: statement, ...options(ask) })
    },
    async insert(into, bytes, ask = {}) {
      const { stream } = await client.exec({ query: into, values: Readable.from([bytes], { objectMode: false }), ...options(ask) })
      // It is empty; but only read to its end it gives its connection back.
      for await (const _ of stream) continue
    },
    async *stream(select, ask = {}) {
      const { stream, response_headers: headers } = await client.exec({ query: select, query_params: ask.params, clickhouse_settings: { ...READING, ...ask.settings }, abort_signal: ask.signal })
      yield* withoutException(stream, String(headers['x-clickhouse-exception-tag'] ?? ''))
    },
    async [Symbol.asyncDispose]() {
      await client.close()
    },
  }
}

/** No message is longer (ClickHouse: MAX_EXCEPTION_SIZE), with its marks. */
const LONGEST_EXCEPTION_BYTES = 20 * 1024

/**
 * An error on the way comes as the last bytes of an answer whose status was 200 long before, between marks with a tag that the headers name.
 * So the end is held back until it is known to be none.
 */
export async function* withoutException(chunks: AsyncIterable<Buffer>, tag: string): AsyncGenerator<Buffer> {
  const mark = `__exception__\r\n${tag}\r\n`
  let held: Buffer = Buffer.alloc(0)
  let failure: unknown
  try {
    for await (const chunk of chunks) {
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
      if (held.length <= 2 * LONGEST_EXCEPTION_BYTES) continue
      yield held.subarray(0, held.length - LONGEST_EXCEPTION_BYTES)
      held = held.subarray(held.length - LONGEST_EXCEPTION_BYTES)
    }
  } catch (error) {
    // It closes the connection after it.
    failure = error
  }
  const at = tag === '' ? -1 : held.lastIndexOf(mark)
  if (at >= 0) throw new Error(`ClickHouse broke off: ${held.toString('utf8', at + mark.length).split('\r\n', 1)[0]}`)
  if (failure !== undefined) throw new Error(`ClickHouse broke off: ${reasonOf(failure)}`, { cause: failure })
  if (held.length > 0) yield held
}

/** Did the server itself refuse, so that it is there? Otherwise it is away, or nobody can tell what became of it. */
export function isRefusal(error: unknown): error is ClickHouseError {
  return error instanceof ClickHouseError
}

/** One line: who said what. */
export function clickhouseReason(error: unknown): string {
  return isRefusal(error) ? `ClickHouse refused (${error.code} ${error.type}): ${error.message.slice(0, 300)}` : `ClickHouse is away: ${reasonOf(error)}`
}
