import type { FaultExpectation } from './architecture.ts'

/** How faults are played when a whole list is. */
export const LATENCY = '200ms'
export const BANDWIDTH = '50kB/s'
const STOP_SECONDS = 10
const PAUSE_SECONDS = 15
const NETWORK_SECONDS = 10

interface Wider {
  /** Stores and brokers: they are also stopped in order. */
  servers: readonly string[]
  /** Services that others connect to: what stands between can be broken. */
  links: readonly string[]
  /** Where slowness is not merely slow: what clients may see of it, by `latency redis`. Otherwise nothing, of a service whose death they do not notice. */
  slow?: Readonly<Record<string, { clients: FaultExpectation['clients']; says: string }>>
}

/**
 * A whole list of faults from what is said of kills and pauses. To those who use a service, a lost connection is its death for a moment, a
 * cut line is a hang, and an orderly stop is a death announced: none of these may be worse.
 */
export function withNetwork(list: readonly FaultExpectation[], { servers, links, slow = {} }: Wider): FaultExpectation[] {
  const of = (fault: string, service: string) => list.find((one) => one.fault === fault && one.service === service)
  const killed = (service: string) => {
    const found = of('kill', service) ?? of('pause', service)
    if (found === undefined) throw new Error(`nothing is said of a kill or a pause of ${service}, from which the rest could follow`)
    return found
  }
  const hung = (service: string) => of('pause', service) ?? killed(service)
  const slowed = (fault: 'latency' | 'bandwidth', service: string, says: string): Pick<FaultExpectation, 'clients' | 'says'> =>
    slow[`${fault} ${service}`] ?? { clients: fault === 'latency' ? 'nothing' : killed(service).clients, says }
  return [
    ...list.map((one) => (one.fault === 'pause' && one.forSeconds === undefined ? { ...one, forSeconds: PAUSE_SECONDS } : one)),
    ...servers.filter((service) => of('stop', service) === undefined).map((service): FaultExpectation => ({
      ...killed(service), fault: 'stop', forSeconds: STOP_SECONDS, says: `As killed, for ${STOP_SECONDS} s: ${lower(killed(service).says)}`,
    })),
    ...links.flatMap((service): FaultExpectation[] => {
      const [dead, silent] = [killed(service), hung(service)]
      const recoversWithinS = Math.max(dead.recoversWithinS, silent.recoversWithinS)
      return [
        { fault: 'latency', service, value: LATENCY, forSeconds: NETWORK_SECONDS, recoversWithinS, ...slowed('latency', service, 'Slower by as much as it is asked for something; nobody is refused.') },
        { fault: 'bandwidth', service, value: BANDWIDTH, forSeconds: NETWORK_SECONDS, recoversWithinS, ...slowed('bandwidth', service, 'What does not fit through waits; what waits too long is refused or left without an answer, where clients wait for it at all.') },
        { fault: 'reset', service, clients: dead.clients, recoversWithinS: dead.recoversWithinS, says: 'As killed, and back at once: who is connected connects anew.' },
        { fault: 'reset-reply', service, clients: dead.clients, recoversWithinS: dead.recoversWithinS, says: 'Done, and nobody is told: what is done again has no further effect, what was asked for by clients is unknown to them.' },
        { fault: 'timeout', service, forSeconds: NETWORK_SECONDS, clients: silent.clients, recoversWithinS, says: 'As if it hung; afterwards connections break and are made anew.' },
        { fault: 'partition', service, forSeconds: NETWORK_SECONDS, clients: silent.clients, recoversWithinS, says: 'As if it hung; afterwards what was sent may arrive.' },
      ]
    }),
  ]
}

function lower(sentence: string): string {
  return /^[A-Z][a-z]/.test(sentence) && !/^(Kafka|Redis|PostgreSQL|RabbitMQ|ClickHouse|Flink)/.test(sentence) ? sentence[0]!.toLowerCase() + sentence.slice(1) : sentence
}
