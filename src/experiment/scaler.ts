import type { Sample } from '../run/events.ts'
import type { System } from '../runtime/runtime.ts'
import { decide, NO_MEMORY, observe, type AutoscaleMemory, type AutoscaleRule } from './autoscale.ts'
import type { Emit } from './emit.ts'

export interface Scaler {
  /** Looks at one more sample, and begins to change what the rules say. */
  look(sample: Sample): void
  /** Decides nothing any more. What was begun goes on, until the system is taken down. */
  stop(): void
}

/** Carries out what the rules decide, one change per service at a time, and tells of it. */
export function scaler(rules: readonly AutoscaleRule[], system: Pick<System, 'scale'>, emit: Emit): Scaler {
  const memories = new Map<string, AutoscaleMemory>()
  const changing = new Set<string>()
  let stopped = false

  async function change(rule: AutoscaleRule, from: number, to: number, says: string): Promise<void> {
    changing.add(rule.service)
    try {
      await system.scale(rule.service, to)
      emit({ type: 'scaled', service: rule.service, from, to, says })
    } catch (error) {
      if (!stopped) emit({ type: 'note', level: 'warning', says: `${rule.service} could not be scaled from ${from} to ${to}: ${(error as Error).message}` })
    } finally {
      changing.delete(rule.service)
    }
  }

  return {
    look(sample) {
      const atS = performance.now() / 1_000
      for (const rule of stopped ? [] : rules) {
        const observation = changing.has(rule.service) ? undefined : observe(rule, sample, atS)
        if (observation === undefined) continue
        const { memory, decision } = decide(rule, memories.get(rule.service) ?? NO_MEMORY, observation)
        memories.set(rule.service, memory)
        if (decision) void change(rule, observation.replicas, decision.to, decision.says)
      }
    },
    stop() {
      stopped = true
    },
  }
}
