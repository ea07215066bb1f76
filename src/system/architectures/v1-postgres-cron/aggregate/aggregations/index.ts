import type { V1Knobs } from '../../knobs.ts'
import type { Aggregation } from './aggregation.ts'
import { fullScan } from './full-scan.ts'
import { groupByAll } from './group-by.ts'
import { incremental } from './incremental.ts'
import { materializedView } from './materialized-view.ts'

/** By the values of the knob `aggregator`. */
export const AGGREGATIONS = {
  'full-scan': fullScan,
  'group-by': groupByAll,
  incremental,
  'materialized-view': materializedView,
} as const satisfies Record<V1Knobs['aggregator'], () => Aggregation>
