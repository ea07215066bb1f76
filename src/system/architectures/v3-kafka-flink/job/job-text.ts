import { createHash } from 'node:crypto'
import type { Context } from '../../../context.ts'
import { MAX_AMOUNT_CENTS, OLDEST_TIMESTAMP_MS, ORDER_TYPES, PRODUCTS, STORES } from '../../../event.ts'
import { bootstrapOf, nameIn } from '../../../kafka/connect.ts'
import { connectionOf } from '../../../postgres/connect.ts'
import type { V3Knobs } from '../knobs.ts'
import { GROUP, IDS_REMEMBERED_HOURS, INTAKE_TOPIC, ORDERS_TOPIC, SERIES_TOPIC, TOTALS_TOPIC } from '../names.ts'
import jobSql from '../sql/job.sql?raw'
import { fillIn, splitStatements, type JobStatements } from './statements.ts'

/** Where all checkpoints of all jobs are, under the folder that services share. */
export const checkpointsIn = (dataFolder: string): string => `${dataFolder}/checkpoints`

/** Of any year a clock may show; what is further off is no moment. */
const NEWEST_TIMESTAMP_MS = Date.UTC(2200, 0, 1)

const JDBC_TLS = { off: '', encrypt: '&sslmode=require', verify: '&sslmode=verify-full&sslfactory=org.postgresql.ssl.DefaultJavaSSLFactory' } as const

export interface JobText extends JobStatements {
  /** Two jobs whose plans are called the same can be started from each other's checkpoints. */
  plan: string
}

/** The job as it is to run with these knobs and addresses. */
export function jobText(context: Context<V3Knobs>): JobText {
  const { parallelism, window, checkpoint } = context.knobs
  const postgres = context.address('postgres')
  const { user, password, database } = connectionOf(context)
  const { namespace, tls } = context.access('postgres')
  const filled = fillIn(jobSql, {
    parallelism, window, checkpoint,
    checkpoints: `file://${checkpointsIn(context.dataFolder())}`,
    ids_remembered: `${IDS_REMEMBERED_HOURS} h`,
    brokers: bootstrapOf(context).join(','),
    group: nameIn(context, GROUP), orders_topic: nameIn(context, ORDERS_TOPIC), totals_topic: nameIn(context, TOTALS_TOPIC),
    series_topic: nameIn(context, SERIES_TOPIC), intake_topic: nameIn(context, INTAKE_TOPIC),
    // Several rows in one INSERT; and an id that the database itself reads as a uuid.
    jdbc_url: `jdbc:postgresql://${postgres.host}:${postgres.port}/${encodeURIComponent(String(database))}?reWriteBatchedInserts=true&stringtype=unspecified&ApplicationName=flink&connectTimeout=2&socketTimeout=20${namespace === '' ? '' : `&currentSchema=${namespace}`}${JDBC_TLS[tls]}`,
    user: String(user), password: String(password),
    last_type: ORDER_TYPES.length - 1, last_store: STORES.length - 1, last_product: PRODUCTS.length - 1,
    most_cents: MAX_AMOUNT_CENTS, oldest_ms: OLDEST_TIMESTAMP_MS, newest_ms: NEWEST_TIMESTAMP_MS,
  })
  return { ...splitStatements(filled), plan: planOf(jobSql, window) }
}

/** What the state of a checkpoint hangs on: the text, and the length of the windows in it; not where things are, or how many do the work. */
export function planOf(text: string, windowS: number): string {
  return createHash('sha256').update(`${windowS}\n${text}`).digest('hex').slice(0, 16)
}
