import { randomBytes } from 'node:crypto'
import { linkAt, type Link } from '../link/client.ts'
import { startOrder, type ComposeService, type ProviderName, type Stack } from './compose.ts'
import type { YamlMap } from './compose-merge.ts'

/**
 * Proxies in front of services whose network is to be broken. Each is one more service of the stack (`postgres-link`), so it is
 * started, measured, logged and ended as all others are. Pure but for the token.
 */
export interface LinkPlan {
  /** In front of what. */
  target: string
  /** Its own name. */
  name: string
  /** By which variable clients find the target, and on which port of a container. */
  variable: string
  port: number
  /** The target reads the variable, too, as the port that it listens on: its clients have to be told otherwise. */
  isApi: boolean
  token: string
}

const LINKABLE: readonly ProviderName[] = ['postgres', 'redis', 'kafka', 'rabbitmq', 'clickhouse']

/** Services that others connect to at one address, so that a proxy can take its place. */
export function linkable({ services }: Pick<Stack, 'services'>): string[] {
  return Object.values(services).flatMap(({ name, provider, ports, oneShot }) =>
    !oneShot && ((LINKABLE.includes(provider) && Object.keys(ports).length > 0) || ports.API_PORT !== undefined) ? [name] : [],
  )
}

/** @throws when there is no service of that name to stand in front of */
export function planLinks(stack: Pick<Stack, 'services'>, targets: readonly string[] = []): LinkPlan[] {
  const possible = linkable(stack)
  return targets.map((target) => {
    if (!possible.includes(target)) throw new Error(`no proxy can stand in front of ${target}; it can before: ${possible.join(', ')}`)
    const { ports } = stack.services[target]!
    // The first of several is the one for clients: Kafka's others are its controller's and its metrics'.
    const [variable, port] = ports.API_PORT === undefined ? Object.entries(ports)[0]! : ['API_PORT', ports.API_PORT]
    return { target, name: `${target}-link`, variable, port, isApi: ports.API_PORT !== undefined, token: randomBytes(16).toString('hex') }
  })
}

/** The variable of the port that a link of the local runtime listens on. */
export function linkPort({ target }: LinkPlan): string {
  return `${upper(target)}_LINK_PORT`
}

export function controlPort({ target }: LinkPlan): string {
  return `${upper(target)}_LINK_CONTROL_PORT`
}

/** Where a link listens, leads to, and is steered: `host:port` each. */
export interface Wiring {
  listen: string
  target: string
  control: string
  ports?: Record<string, number>
  /** local: its script. */
  entry?: string
  raw?: YamlMap
}

/** The stack with its links, which are there before anybody can want to connect. */
export function withLinks(stack: Stack, links: readonly LinkPlan[], wire: (link: LinkPlan) => Wiring): Stack {
  if (links.length === 0) return stack
  const added = Object.fromEntries(links.map((link) => [link.name, serviceOf(link, wire(link))]))
  const first = Object.fromEntries(links.map(({ name }) => [name, 'service_healthy' as const]))
  const others = Object.entries(stack.services).map(([name, service]) => [name, { ...service, dependsOn: { ...first, ...service.dependsOn } }] as const)
  const services = { ...added, ...Object.fromEntries(others) }
  return { ...stack, services, order: startOrder(services).order }
}

function serviceOf({ name, token }: LinkPlan, { listen, target, control, ports = {}, entry, raw = {} }: Wiring): ComposeService {
  return {
    name,
    provider: 'node',
    command: [],
    environment: { LINK_LISTEN: listen, LINK_TARGET: target, LINK_CONTROL: control, LINK_TOKEN: token },
    dependsOn: {},
    replicas: 1,
    restart: { policy: 'no' },
    ports,
    entry,
    stopGraceMs: 1_000,
    oneShot: false,
    raw,
  }
}

/** What those who break it are given; `undefined` for a service without a link. */
export function linkOf(links: readonly LinkPlan[], service: string, controlUrl: (link: LinkPlan) => string): Link | undefined {
  const link = links.find(({ target }) => target === service)
  return link && linkAt(service, () => controlUrl(link), link.token)
}

function upper(name: string): string {
  return name.toUpperCase().replace(/[^A-Z0-9]/g, '_')
}
