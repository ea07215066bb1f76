import { analytics } from './analytics.ts'
import { baseline } from './baseline.ts'
import type { Scenario } from './scenario.ts'
import { spike } from './spike.ts'

export const scenarios = { spike, baseline, analytics } satisfies Record<string, Scenario>
