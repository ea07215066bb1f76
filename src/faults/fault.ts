import { FAULTS, type ScenarioFault } from '../scenarios/scenario.ts'
import type { RunningService } from '../runtime/runtime.ts'
import { suggest } from '../system/suggest.ts'

export type FaultName = ScenarioFault['fault']

/** One way to break one replica of a service. */
export interface Fault {
  /** One line for `lab list faults` and error messages. */
  says: string
  /** How long it lasts when nobody says; absent: over at once, and then healed. */
  defaultSeconds?: number
  /** It can be done to containers alone. */
  needsContainers?: boolean
  /**
   * Breaks it. Disposing heals, and resolves when the replica is ready again; once `signal` is aborted the whole system is
   * about to go down, and healing only makes sure that nothing stays broken on the machine.
   * @param lasting stays broken until healed, whatever restart policy the service has
   */
  start(target: RunningService, lasting: boolean, signal: AbortSignal): Promise<AsyncDisposable>
}

const FORM = '<fault>:<service>[.<replica>]@<at>[+<for>], such as kill:worker@20s or pause:redis@20s+10s'
const UNIT_SECONDS = { ms: 0.001, s: 1, m: 60 } as const
const MOST_SECONDS = 86_400

/** Reads `pause:redis@20s+10s`. Times in s, m, ms; a plain number is seconds. @returns what is wrong as a sentence without its subject */
export function parseFault(text: string): { ok: true; fault: ScenarioFault } | { ok: false; says: string } {
  const match = /^([^:@+]*):([^:@+]*?)(?:\.(\d+))?@([^:@+]*)(?:\+([^:@+]*))?$/.exec(text)
  if (match === null) return { ok: false, says: `must read ${FORM}` }
  const [, name = '', service = '', replica, at = '', lasting] = match
  if (!isFaultName(name)) return { ok: false, says: `there is no fault ${JSON.stringify(name)}.${suggest(name, FAULTS)} There are: ${FAULTS.join(', ')}` }
  if (!/^[a-zA-Z0-9][\w-]*$/.test(service)) return { ok: false, says: `names no service; it must read ${FORM}` }
  const atSeconds = parseSeconds(at)
  if (atSeconds === undefined) return { ok: false, says: `${JSON.stringify(at)} is no time; allowed are 20, 20s, 1.5m, 500ms, at most a day` }
  const forSeconds = lasting === undefined ? undefined : parseSeconds(lasting)
  if (lasting !== undefined && !forSeconds) return { ok: false, says: `${JSON.stringify(lasting)} is no duration above zero; allowed are 20, 20s, 1.5m, 500ms, at most a day` }
  if (replica !== undefined && !(Number(replica) >= 1 && Number(replica) <= 1_000)) return { ok: false, says: `replica ${replica}: they count from 1` }
  return { ok: true, fault: { fault: name, service, replica: Number(replica ?? 1), atSeconds, ...(forSeconds && { forSeconds }), added: true } }
}

/** As it would be typed. */
export function faultText({ fault, service, replica, atSeconds, forSeconds }: ScenarioFault): string {
  return `${fault}:${service}${replica === 1 ? '' : `.${replica}`}@${seconds(atSeconds)}${forSeconds === undefined ? '' : `+${seconds(forSeconds)}`}`
}

function isFaultName(name: string): name is FaultName {
  return (FAULTS as readonly string[]).includes(name)
}

function parseSeconds(text: string): number | undefined {
  const match = /^(\d{1,9}(?:\.\d{1,9})?)(ms|s|m)?$/.exec(text)
  if (match === null) return undefined
  const value = Number(match[1]) * UNIT_SECONDS[(match[2] ?? 's') as keyof typeof UNIT_SECONDS]
  return value <= MOST_SECONDS ? value : undefined
}

function seconds(value: number): string {
  return `${Number(value.toFixed(3))}s`
}
