import type { Sample } from '../run/events.ts'
import { mean } from './statistics.ts'

/** Of all cores: where others take more, a machine that is full, and an injector that is late, say nothing of the system. */
export const TOLERABLE_OTHER_LOAD = 0.2

/** Cores that were busy with what neither the lab nor its system did, on average. */
export function otherLoad(samples: readonly Sample[], cores: number): number {
  return mean(
    samples.map((sample) => {
      const ours = Object.values(sample.services).reduce((sum, service) => sum + service.cpu, 0) + sample.lab.cpu + (sample.injector?.cpuShare ?? 0) + (sample.subscribers?.cpuShare ?? 0)
      return Math.max(0, sample.machine.cpuBusy * cores - ours)
    }),
  )
}
