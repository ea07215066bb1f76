import { baseline } from './baseline.ts'
import type { Scenario } from './scenario.ts'
import { spike } from './spike.ts'

export const scenarios = { spike, baseline } satisfies Record<string, Scenario>
