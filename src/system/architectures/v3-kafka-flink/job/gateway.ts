import { setTimeout as sleep } from 'node:timers/promises'
import { Refused, type Rest } from './rest.ts'
import type { JobStatements } from './statements.ts'

const POLL_MS = 15
/** Planning the job takes the gateway 2 s the first time. */
const STATEMENT_WITHIN_MS = 60_000

/** Runs the statements in a session of their own. @returns the id of the job that the last one started. @throws with Flink's own reason */
export async function submit(gateway: Rest, { settings, statements }: JobStatements, signal: AbortSignal): Promise<string> {
  const { sessionHandle } = await gateway.post<{ sessionHandle: string }>('/v1/sessions', { sessionName: 'job', properties: settings })
  const session = `/v1/sessions/${sessionHandle}`
  try {
    let jobId: string | undefined
    for (const statement of statements) jobId = await run(gateway, session, statement, signal)
    if (jobId === undefined) throw new Error('the last statement of the job has started nothing')
    return jobId
  } finally {
    await gateway.delete(session).catch(() => undefined)
  }
}

async function run(gateway: Rest, session: string, statement: string, signal: AbortSignal): Promise<string | undefined> {
  const { operationHandle } = await gateway.post<{ operationHandle: string }>(`${session}/statements`, { statement })
  const operation = `${session}/operations/${operationHandle}`
  const untilMs = performance.now() + STATEMENT_WITHIN_MS
  for (;;) {
    const { status } = await gateway.get<{ status: string }>(`${operation}/status`)
    if (status === 'FINISHED') break
    if (status === 'ERROR' || status === 'CANCELED' || status === 'TIMEOUT') throw await failureOf(statement, gateway, operation)
    if (performance.now() > untilMs) throw new Error(`${firstWords(statement)}: not done within ${STATEMENT_WITHIN_MS / 1_000} s`)
    await sleep(POLL_MS, undefined, { signal })
  }
  if (!/^(EXECUTE|INSERT)/i.test(statement)) return undefined
  const result = await gateway.get<{ jobID?: string }>(`${operation}/result/0?rowFormat=JSON`)
  return result.jobID
}

/** Flink took the statement and could not do it. The whole of what it says of that is in `cause`. */
export class Failed extends Error {
  override name = 'Failed'
}

/** Asked for the result, it says why there is none. */
async function failureOf(statement: string, gateway: Rest, operation: string): Promise<Error> {
  try {
    await gateway.get(`${operation}/result/0?rowFormat=JSON`)
    return new Failed(`${firstWords(statement)}: failed without a reason`)
  } catch (error) {
    if (!(error instanceof Refused)) return error as Error
    return new Failed(`${firstWords(statement)}: ${error.message}`, { cause: error.answer })
  }
}

const firstWords = (statement: string): string => statement.split(/\s+/).slice(0, 3).join(' ')
