import type pg from 'pg'
import { Unavailable, type AnalyticsQuery, type AnalyticsRow } from '../../../architecture.ts'
import type { Context } from '../../../context.ts'
import type { Dashboard } from '../../../dashboard.ts'
import { createBoundedPool } from '../../../postgres/bounded-pool.ts'
import { connectPostgres } from '../../../postgres/connect.ts'
import { dashboardFromTotals, nameOf, type TotalsRow } from '../../../postgres/totals.ts'
import { reasonOf } from '../../../reason.ts'
import { EVERYBODY } from '../names.ts'
import analyticsSql from '../sql/analytics.sql?raw'
import everybodysAnalytics from '../sql/analytics-of-everybody.sql?raw'
import readEverybodyTotals from '../sql/read-everybody-totals.sql?raw'
import readWorkspaceTotals from '../sql/read-workspace-totals.sql?raw'
import { API_ACCOUNT, WORK_ACCOUNT } from '../tenancy/accounts.ts'
import { scopedTo, tenantStatement } from '../tenancy/scoped.ts'
import { spanOf } from './span.ts'

const CONNECTIONS = 4
const OPERATORS_CONNECTIONS = 2
/** Reads that wait for a connection, at most; those after them are refused. */
const MAX_WAITING = 100
const TOTALS_WITHIN_MS = 1_000
const ANALYTICS_WITHIN_MS = 5_000

/** Every question has an index; but the planner, which cannot know how little is not rolled up, would rather walk all orders, with helpers. */
const BY_INDEX = { options: '-c enable_seqscan=off -c max_parallel_workers_per_gather=0' }

const TOTALS = tenantStatement('read-workspace-totals', readWorkspaceTotals)
const ANALYTICS = tenantStatement('analytics', analyticsSql)

/** What PostgreSQL itself knows, of one workspace or of {@link EVERYBODY}. Rejects with {@link Unavailable}, in bounded time. */
export interface Stored extends AsyncDisposable {
  dashboard(workspace: number): Promise<Dashboard>
  analytics(workspace: number, query: AnalyticsQuery): Promise<AnalyticsRow[]>
}

/** Two accounts: what is asked for a workspace sees nothing else, whatever the statement says; only the sum is read as who may see all. */
export function createStored(context: Context, purpose: string): Stored {
  const tenants = connectPostgres(context, `${purpose}-reader`, CONNECTIONS, undefined, { ...API_ACCOUNT, ...BY_INDEX })
  const operators = createBoundedPool(context, `${purpose}-operator`, OPERATORS_CONNECTIONS, { ...WORK_ACCOUNT, ...BY_INDEX })

  async function ofWorkspace<Row extends pg.QueryResultRow>(workspace: number, statement: typeof TOTALS, values: unknown[], withinMs: number): Promise<Row[]> {
    if (tenants.waitingCount >= MAX_WAITING) throw new Error(`${MAX_WAITING} others wait for a connection`)
    return await scopedTo(tenants, workspace).query<Row>(statement, values, { withinMs })
  }

  async function ofEverybody<Row extends pg.QueryResultRow>(name: string, text: string, values: unknown[]): Promise<Row[]> {
    return (await operators.query<Row>({ name, text, values })).rows
  }

  return {
    async dashboard(workspace) {
      const rows = await answered(workspace === EVERYBODY
        ? ofEverybody<TotalsRow>('read-everybody-totals', readEverybodyTotals, [])
        : ofWorkspace<TotalsRow>(workspace, TOTALS, [], TOTALS_WITHIN_MS))
      return dashboardFromTotals(rows, Date.now())
    },
    async analytics(workspace, query) {
      const { hours, before, after } = spanOf(query)
      const values = [query.by, ...hours, ...before, ...after]
      const rows = await answered(workspace === EVERYBODY
        ? ofEverybody<SqlRow>('analytics-of-everybody', everybodysAnalytics, values)
        : ofWorkspace<SqlRow>(workspace, ANALYTICS, values, ANALYTICS_WITHIN_MS))
      return rows.map((row) => toAnalyticsRow(row, query)).sort((a, b) => (a.key < b.key ? -1 : 1))
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([tenants.end(), operators[Symbol.asyncDispose]()])
    },
  }
}

async function answered<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    throw error instanceof Unavailable ? error : new Unavailable(`PostgreSQL cannot answer now: ${reasonOf(error)}`, 1)
  }
}

interface SqlRow {
  key: number
  count: number
  revenue_cents: number
  min_cents: number
  max_cents: number
}

function toAnalyticsRow(row: SqlRow, { by }: AnalyticsQuery): AnalyticsRow {
  return { key: nameOf(by, row.key), count: row.count, revenueCents: row.revenue_cents, avgCents: row.revenue_cents / row.count, minCents: row.min_cents, maxCents: row.max_cents }
}
