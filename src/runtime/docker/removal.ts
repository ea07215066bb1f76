import { setTimeout as sleep } from 'node:timers/promises'
import type Docker from 'dockerode'
import { isStatus } from './engine.ts'
import { LABELS } from './mark.ts'

/** One thing of a run on an engine. */
export interface Thing {
  kind: 'container' | 'network' | 'volume'
  id: string
  name: string
  labels: Record<string, string>
}

/** Everything of a run, or of all runs. */
export async function thingsOf(docker: Docker, runId?: string): Promise<Thing[]> {
  const filters = { label: [runId === undefined ? LABELS.run : `${LABELS.run}=${runId}`] }
  const [containers, networks, { Volumes: volumes }] = await Promise.all([
    docker.listContainers({ all: true, filters }),
    docker.listNetworks({ filters }),
    docker.listVolumes({ filters }),
  ])
  return [
    ...containers.map((one) => ({ kind: 'container' as const, id: one.Id, name: (one.Names[0] ?? one.Id).replace(/^\//, ''), labels: one.Labels })),
    ...networks.map((one) => ({ kind: 'network' as const, id: one.Id, name: one.Name, labels: one.Labels ?? {} })),
    ...(volumes ?? []).map((one) => ({ kind: 'volume' as const, id: one.Name, name: one.Name, labels: one.Labels })),
  ]
}

/** Removes what `find` finds, containers first, until nothing has been found for `quietMs`. @returns what resists */
export async function removeAll(docker: Docker, find: () => Promise<Thing[]>, { withinMs, quietMs }: { withinMs: number; quietMs: number }): Promise<Thing[]> {
  const untilMs = performance.now() + withinMs
  let quietSinceMs: number | undefined
  for (;;) {
    const found = await find()
    const nowMs = performance.now()
    if (found.length === 0) {
      quietSinceMs ??= nowMs
      if (nowMs - quietSinceMs >= quietMs) return []
    } else {
      quietSinceMs = undefined
      if (nowMs >= untilMs) return found
      for (const kind of ['container', 'network', 'volume'] as const) {
        await Promise.all(found.filter((one) => one.kind === kind).map((one) => remove(docker, one)))
      }
    }
    if (found.length > 0 && quietMs === 0) continue
    await sleep(Math.min(100, quietMs))
  }
}

/** Never throws: what could not be removed is found again. */
async function remove(docker: Docker, { kind, id }: Thing): Promise<void> {
  const removed =
    kind === 'container' ? docker.getContainer(id).remove({ force: true, v: true }) : kind === 'network' ? docker.getNetwork(id).remove() : docker.getVolume(id).remove({ force: true })
  await removed.catch(async (error: unknown) => {
    // 404: gone. 409: being removed already, or still in use: look again in a moment.
    if (!isStatus(error, 404)) await sleep(50)
  })
}
