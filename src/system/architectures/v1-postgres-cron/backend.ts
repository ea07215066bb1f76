import type { Backend } from '../../architecture.ts'
import type { Context } from '../../context.ts'
import { createChanges } from './changes.ts'
import type { V1Knobs } from './knobs.ts'
import { createView } from './view.ts'
import { createWriter } from './writer.ts'

/** What one API replica of v1 holds: what writes, what reads, and what hears of changes. */
export function createBackend(context: Context<V1Knobs>): Backend {
  const writer = createWriter(context)
  const view = createView(context, 'api')
  const changes = createChanges(context)
  return {
    accepted: 201,
    publish: writer.publish,
    ready: writer.ready,
    dashboard: view.dashboard,
    analytics: view.analytics,
    onChange: changes.onChange,
    async [Symbol.asyncDispose]() {
      await Promise.all([writer, view, changes].map((it) => it[Symbol.asyncDispose]()))
    },
  }
}
