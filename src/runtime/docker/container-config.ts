import type { ContainerCreateOptions } from 'dockerode'
import type { ComposeService } from '../compose.ts'
import type { ContainerPart } from './container-part.ts'
import { LABELS } from './mark.ts'

/** What is settled before the containers of a run are made. */
export interface Setting {
  runId: string
  labels: Record<string, string>
  network: string
  /** Where ports are published. */
  bindAddress: string
}

export interface Container {
  service: ComposeService
  part: ContainerPart
  replica: number
  image: string
  /** Port inside → port it is published on. */
  published: Readonly<Record<number, number>>
}

/** Where a service of ours says how it does, unless its compose file gives it a port. */
export const METRICS_PORT = 9464
/**
 * The lab runs a service's check itself, many times a second, until it passes. Afterwards the engine does, this seldom: every check
 * is a process in the container (of Node: 50 to 100 ms of CPU), and at the 1 s of the compose files it would show in all figures.
 */
const CHECK_EVERY_MS = 10_000
const NS_PER_MS = 1_000_000

export function volumeName(runId: string, name: string): string {
  return `load-lab-${runId}-${name}`
}

export function containerName(runId: string, service: string, replica: number): string {
  return `load-lab-${runId}-${service}-${replica}`
}

/** What the engine is asked to make of a service's replica. Restarts are the lab's: it tells of them, and bounds them. */
export function containerConfig({ service, part, replica, image, published }: Container, { runId, labels, network, bindAddress }: Setting): ContainerCreateOptions {
  return {
    name: containerName(runId, service.name, replica),
    Image: image,
    Hostname: part.hostname,
    User: part.user,
    Cmd: service.command.length > 0 ? service.command : undefined,
    Entrypoint: part.entrypoint,
    Env: Object.entries(environmentOf(service)).map(([name, value]) => `${name}=${value}`),
    Labels: { ...part.labels, ...labels, [LABELS.service]: service.name, [LABELS.replica]: String(replica) },
    ExposedPorts: Object.fromEntries(Object.keys(published).map((port) => [`${port}/tcp`, {}])),
    ...(part.check && {
      Healthcheck: {
        Test: part.check.test,
        Interval: CHECK_EVERY_MS * NS_PER_MS,
        Timeout: part.check.timeoutMs * NS_PER_MS,
        Retries: part.check.retries,
        StartPeriod: part.check.startPeriodMs * NS_PER_MS,
      },
    }),
    HostConfig: {
      NetworkMode: network,
      PortBindings: Object.fromEntries(Object.entries(published).map(([inside, outside]) => [`${inside}/tcp`, [{ HostIp: bindAddress, HostPort: String(outside) }]])),
      Binds: [...part.binds, ...part.volumes.map(({ name, path, readOnly }) => `${volumeName(runId, name)}:${path}${readOnly ? ':ro' : ''}`)],
      Tmpfs: part.tmpfs,
      Sysctls: part.sysctls,
      Ulimits: part.ulimits,
      ShmSize: part.shmBytes,
      Memory: part.memoryBytes,
      MemoryReservation: part.memoryReservationBytes,
      NanoCpus: part.nanoCpus,
      PidsLimit: part.pidsLimit,
      Init: part.init,
      RestartPolicy: { Name: 'no' },
      LogConfig: { Type: 'json-file', Config: { 'max-size': '100m', 'max-file': '2' } },
    },
    NetworkingConfig: { EndpointsConfig: { [network]: { Aliases: [service.name] } } },
  }
}

function environmentOf({ provider, environment, oneShot }: ComposeService): Record<string, string> {
  const own = environment.METRICS_PORT !== undefined && environment.METRICS_PORT !== '0'
  return provider !== 'node' || oneShot || own ? environment : { ...environment, METRICS_PORT: String(METRICS_PORT) }
}
