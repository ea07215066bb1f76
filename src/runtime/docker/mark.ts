import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { isAlive, type ProcessId } from '../processes.ts'
import { ownerText, parseOwner, self } from '../run-mark.ts'

/** Labels by which containers, networks and volumes of a run are told from all others, and a dead lab from a living one. */
export const LABELS = {
  run: 'load-lab.run',
  host: 'load-lab.host',
  boot: 'load-lab.boot',
  owner: 'load-lab.owner',
  service: 'load-lab.service',
  replica: 'load-lab.replica',
} as const

/** A machine, and since when it has been up, as this process sees it. Process numbers of another one mean nothing here. */
export interface Place {
  host: string
  /** Boot and process namespace. */
  boot: string
}

export function thisPlace(): Place {
  const read = (path: string): string => {
    try {
      return readFileSync(path, 'utf8').trim()
    } catch {
      return ''
    }
  }
  let namespace = ''
  try {
    namespace = readlinkSync('/proc/self/ns/pid')
  } catch {
    // Without, two containers of one machine count as the same place; their process numbers and start times still differ.
  }
  return { host: `${hostname()}/${read('/etc/machine-id')}`, boot: `${read('/proc/sys/kernel/random/boot_id')}/${namespace}` }
}

export function runLabels(runId: string, { host, boot }: Place = thisPlace(), owner: ProcessId = self()): Record<string, string> {
  return { [LABELS.run]: runId, [LABELS.host]: host, [LABELS.boot]: boot, [LABELS.owner]: ownerText(owner) }
}

/** `unknown`: it belongs to a lab on another machine, or in another process namespace of this one. */
export function fateOf(labels: Readonly<Record<string, string>>, here: Place, alive: (owner: ProcessId) => boolean = isAlive): 'alive' | 'dead' | 'unknown' {
  const owner = parseOwner(labels[LABELS.owner])
  if (labels[LABELS.host] !== here.host || owner === undefined) return 'unknown'
  const [boot, namespace] = (labels[LABELS.boot] ?? '').split('/')
  const [bootHere, namespaceHere] = here.boot.split('/')
  // Nothing outlives a reboot.
  if (boot !== bootHere) return boot === '' || bootHere === '' ? 'unknown' : 'dead'
  if (namespace !== namespaceHere) return 'unknown'
  return alive(owner) ? 'alive' : 'dead'
}
