import { join } from 'node:path'
import type { ComposeService } from '../compose.ts'
import { EXIT, LabError } from '../../run/errors.ts'
import { findJava } from './java.ts'
import { DATA, launchOf, layOut } from './kafka-node.ts'
import { askCluster, STARTED } from './kafka-ready.ts'
import { kafkaNode, type Address } from './kafka-settings.ts'
import { kafkaTemplate } from './kafka-template.ts'
import { hostVariable, type Provider } from './provider.ts'

/**
 * Kafka as one broker of a KRaft cluster, which is its own controller as well. Honours the KAFKA_… variables of the public image
 * apache/kafka, CLUSTER_ID and KAFKA_HEAP_OPTS; ports, addresses and folders are the lab's. It listens where KAFKA_LISTENERS says,
 * on loopback, and nowhere else; every port of that must be in `x-lab.ports`. With 9404 there as well it shows its metrics at it.
 */
export const kafka: Provider = {
  async install(service, io) {
    checkCommand(service)
    await kafkaTemplate(findJava(), io)
  },

  async prepare(service, context) {
    checkCommand(service)
    const node = kafkaNode(service, hostedPorts(service, context.addresses), join(context.folder, DATA))
    const java = findJava()
    const template = await kafkaTemplate(java, context)
    layOut(node, template, context.folder)
    return {
      launch: launchOf(node, java, template, context.folder),
      isReady: async (saw) => saw(STARTED) && (await serves(node.host, node.port, Number(node.nodeId))),
      metricsPort: node.metrics?.port,
      versionIn: /(Kafka) version: (\d[\d.]*)/,
      stopSignal: 'SIGTERM',
      // On SIGTERM it would hand over what it leads, and write down all it has in memory.
      discardSignal: 'SIGKILL',
      dataFolder: join(context.folder, DATA),
    }
  },
}

/** Where each port of the image is on this machine. */
function hostedPorts({ ports }: Pick<ComposeService, 'ports'>, addresses: Readonly<Record<string, string>>): Map<number, Address> {
  return new Map(Object.entries(ports).map(([variable, port]) => [port, { host: addresses[hostVariable(variable)]!, port: Number(addresses[variable]) }]))
}

/** The public image's own command starts the broker; it needs no other. */
export function checkCommand({ name, command }: Pick<ComposeService, 'name' | 'command'>): void {
  if (command.length === 0) return
  const says = `service ${name}: the local runtime can only run the image's own command, not ${command.join(' ')}`
  throw new LabError(EXIT.usage, says, 'settings go into environment: KAFKA_NUM_IO_THREADS: 4 …')
}

const ASK_WITHIN_MS = 2_000

/** Does it answer as this broker, with a controller that leads and itself among those that serve? */
async function serves(host: string, port: number, nodeId: number): Promise<boolean> {
  const view = await askCluster(host, port, ASK_WITHIN_MS)
  return view?.controller !== undefined && view.nodeIds.includes(nodeId)
}
