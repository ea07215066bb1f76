import type { Deprivation, RunningService } from '../runtime/runtime.ts'
import type { Fault } from './fault.ts'

/** What can be taken from a container while it runs on: each is given back when the fault is over. */

/** A tenth more than it holds of its own is left to it: what it keeps of files goes, and who grows is killed by the kernel. */
export const memory: Fault = taking({ what: 'memory', share: 1.1 }, 'left with little more memory than it holds, for 10 s or <for>')

export const cpu: Fault = taking({ what: 'cpu', cores: 0.1 }, 'left with a tenth of a core, for 10 s or <for>')

function taking(what: Deprivation, says: string): Fault {
  return {
    says: `${says} (containers only)`,
    defaultSeconds: 10,
    needsContainers: true,
    async start(target: RunningService) {
      if (!target.deprive) throw new Error(`${target.service} is no container: nothing can be taken from it`)
      return target.deprive(what)
    },
  }
}
