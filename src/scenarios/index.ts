import { analytics } from './analytics.ts'
import { baseline } from './baseline.ts'
import { breakpoint } from './breakpoint.ts'
import { failure } from './failure.ts'
import type { Scenario } from './scenario.ts'
import { spike } from './spike.ts'
import { tenants } from './tenants.ts'

export const scenarios = { spike, baseline, breakpoint, analytics, tenants, failure } satisfies Record<string, Scenario>
