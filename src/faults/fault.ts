import { FAULTS, type ScenarioFault } from '../scenarios/scenario.ts'
import { isToxic, readToxic } from '../link/toxic.ts'
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
  /** It is done to the connections of a service's clients, whichever replica they lead to, by the proxy in front of it. */
  onLink?: boolean
  /** The same where there are no containers. */
  linkWithoutContainers?: boolean
  /**
   * Breaks it. Disposing heals, and resolves when the replica is ready again; once `signal` is aborted the whole system is
   * about to go down, and healing only makes sure that nothing stays broken on the machine.
   * @param lasting stays broken until healed, whatever restart policy the service has
   * @param value how much, as typed: `200ms±50ms`
   */
  start(target: RunningService, lasting: boolean, signal: AbortSignal, value?: string): Promise<AsyncDisposable>
}

const FORM = '<fault>:<service>[.<replica>][=<value>]@<at>[+<for>], such as kill:worker@20s, pause:redis@20s+10s or latency:kafka=200ms±50ms@20s'
const UNIT_SECONDS = { ms: 0.001, s: 1, m: 60 } as const
const MOST_SECONDS = 86_400

/** Reads `pause:redis@20s+10s` and `latency:kafka=200ms±50ms@20s`. Times in s, m, ms; a plain number is seconds. @returns what is wrong as a sentence without its subject */
export function parseFault(text: string): { ok: true; fault: ScenarioFault } | { ok: false; says: string } {
  const match = /^([^:@+=]*):([^:@+=]*?)(?:\.(\d+))?(?:=([^:@=]*))?@([^:@+]*)(?:\+([^:@+]*))?$/.exec(text)
  if (match === null) return { ok: false, says: `must read ${FORM}` }
  const [, name = '', service = '', replica, value, at = '', lasting] = match
  if (!isFaultName(name)) return { ok: false, says: `there is no fault ${JSON.stringify(name)}.${suggest(name, FAULTS)} There are: ${FAULTS.join(', ')}` }
  if (!/^[a-zA-Z0-9][\w-]*$/.test(service)) return { ok: false, says: `names no service; it must read ${FORM}` }
  const wrong = valueProblem(name, value)
  if (wrong !== undefined) return { ok: false, says: wrong }
  const atSeconds = parseSeconds(at)
  if (atSeconds === undefined) return { ok: false, says: `${JSON.stringify(at)} is no time; allowed are 20, 20s, 1.5m, 500ms, at most a day` }
  const forSeconds = lasting === undefined ? undefined : parseSeconds(lasting)
  if (lasting !== undefined && !forSeconds) return { ok: false, says: `${JSON.stringify(lasting)} is no duration above zero; allowed are 20, 20s, 1.5m, 500ms, at most a day` }
  if (replica !== undefined && !(Number(replica) >= 1 && Number(replica) <= 1_000)) return { ok: false, says: `replica ${replica}: they count from 1` }
  return { ok: true, fault: { fault: name, service, replica: Number(replica ?? 1), ...(value !== undefined && { value }), atSeconds, ...(forSeconds && { forSeconds }), added: true } }
}

/** As it would be typed. */
export function faultText({ fault, service, replica, value, atSeconds, forSeconds }: ScenarioFault): string {
  return `${fault}:${service}${replica === 1 ? '' : `.${replica}`}${value === undefined ? '' : `=${value}`}@${seconds(atSeconds)}${forSeconds === undefined ? '' : `+${seconds(forSeconds)}`}`
}

/** What is wrong with how much of it is wanted; `undefined`: nothing. */
export function valueProblem(name: FaultName, value: string | undefined): string | undefined {
  if (!isToxic(name) || name === 'partition') return value === undefined ? undefined : `${JSON.stringify(value)}: ${name} takes no value`
  const read = readToxic(name, value)
  return read.ok ? undefined : read.says
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
