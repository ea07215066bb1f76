import type pg from 'pg'
import type { Dashboard } from '../../../dashboard.ts'
import readTotals from '../../../postgres/sql/read-totals.sql?raw'
import { dashboardFromTotals, type TotalsRow } from '../../../postgres/totals.ts'
import type { Aggregation } from './aggregations/aggregation.ts'
import tryTurn from '../sql/try-turn.sql?raw'

/** What one turn of an aggregator came to: committed. */
export interface Turn {
  /** The totals as this transaction left them. */
  dashboard: Dashboard
  /** Orders it looked at. */
  rows: number
}

/**
 * One aggregation in one transaction; undefined when another aggregator is at it. The lock belongs to the transaction: it ends with it, with its
 * connection, or when the process behind it has done nothing for `stalledAfterMs`, and with the lock everything the turn has written is gone. So
 * whoever stands still and comes back finds its transaction ended, and cannot add or overwrite what another one has written since.
 * Throws as `pg` does; the connection is then fit for nothing else.
 */
export async function takeTurn(client: pg.ClientBase, aggregation: Aggregation, failpoint: (point: string) => void = () => {}): Promise<Turn | undefined> {
  await client.query(`BEGIN; SET LOCAL idle_in_transaction_session_timeout = ${aggregation.stalledAfterMs}`)
  const { rows: [turn] } = await client.query<{ mine: boolean }>({ name: 'try-turn', text: tryTurn })
  if (!turn!.mine) {
    await client.query('ROLLBACK')
    return undefined
  }
  const rows = await aggregation.run(client)
  const totals = await client.query<TotalsRow>({ name: 'read-totals', text: readTotals })
  failpoint('before-commit')
  await client.query('COMMIT')
  failpoint('after-commit')
  return { dashboard: dashboardFromTotals(totals.rows, Date.now()), rows }
}
