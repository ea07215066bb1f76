import type Docker from 'dockerode'
import type { Setting } from './container-config.ts'
import type { ContainerPart } from './container-part.ts'
import { isStatus } from './engine.ts'
import { readUsage } from './stats.ts'

/** What an engine can take from a running container, and give back. */

const PERIOD_US = 100_000
/** Below, an engine refuses. */
const LEAST_BYTES = 8 * 1024 ** 2

/** Takes it off its network: connections fall silent, its published ports too, and others cannot find it by name. */
export async function disconnected(docker: Docker, container: Docker.Container, service: string, { network }: Setting): Promise<AsyncDisposable> {
  await docker.getNetwork(network).disconnect({ Container: container.id, Force: true })
  return {
    async [Symbol.asyncDispose]() {
      await docker
        .getNetwork(network)
        .connect({ Container: container.id, EndpointConfig: { Aliases: [service] } })
        .catch(unlessGone)
    },
  }
}

/** Leaves it `share` of what it holds now; what it keeps of files must go, and who wants more is killed. */
export async function memorySqueezed(docker: Docker, container: Docker.Container, share: number, part: ContainerPart): Promise<AsyncDisposable> {
  const [{ rssBytes }, { MemTotal }] = await Promise.all([readUsage(container), docker.info() as Promise<{ MemTotal: number }>])
  const bytes = Math.max(LEAST_BYTES, Math.round(rssBytes * share))
  await container.update({ Memory: bytes, MemorySwap: bytes })
  return {
    async [Symbol.asyncDispose]() {
      // An engine cannot be told that there is no limit any more: all the memory there is amounts to that. Swap as a figure of its own:
      // with -1 the limits are raised in an order that the kernel refuses.
      const before = part.memoryBytes ?? MemTotal
      await container.update({ Memory: before, MemorySwap: 2 * before }).catch(unlessGone)
    },
  }
}

/** Leaves it so many cores. */
export async function cpuCut(container: Docker.Container, cores: number, part: ContainerPart): Promise<AsyncDisposable> {
  const limit = (to: number | undefined): object =>
    part.nanoCpus === undefined ? { CpuPeriod: PERIOD_US, CpuQuota: to === undefined ? -1 : Math.round(to * PERIOD_US) } : { NanoCpus: to === undefined ? part.nanoCpus : Math.round(to * 1e9) }
  await container.update(limit(cores))
  return {
    async [Symbol.asyncDispose]() {
      await container.update(limit(undefined)).catch(unlessGone)
    },
  }
}

function unlessGone(error: unknown): void {
  if (!isStatus(error, 404)) throw error
}
