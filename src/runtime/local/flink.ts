import { flinkTemplate } from './flink-template.ts'
import { launchOf, layOut, type FlinkNode } from './flink-node.ts'
import { commandOf, endpointOf, localSettings, machineOptions, parseProperties } from './flink-settings.ts'
import { findJava } from './java.ts'
import { httpStatus } from './node.ts'
import type { Provider } from './provider.ts'

/**
 * Apache Flink: a JobManager, a TaskManager, or the SQL gateway, by the command of the service. Honours FLINK_PROPERTIES and JVM_ARGS as the public
 * image flink does; folders are the lab's, and everything listens on loopback. Memory must be given in parts (`taskmanager.memory.task.heap.size` …),
 * which the image takes as well: working out the parts of a whole takes its scripts another virtual machine.
 */
export const flink: Provider = {
  async install(service, io) {
    commandOf(service)
    await flinkTemplate(findJava(), io)
  },

  async prepare(service, context) {
    const { role, args } = commandOf(service)
    const given = parseProperties(service)
    const node: FlinkNode = {
      role, args, folder: context.folder,
      settings: localSettings(role, given, service, context.folder),
      options: machineOptions(role, given, service),
    }
    const endpoint = endpointOf(role, given, service)
    const java = findJava()
    const template = await flinkTemplate(java, context)
    layOut(node)
    return {
      launch: launchOf(node, java, template),
      isReady: async (saw) => (endpoint === undefined ? saw(REGISTERED) : (await httpStatus(endpoint, 2_000)) === 200),
      versionIn: VERSION,
      stopSignal: 'SIGTERM',
      discardSignal: 'SIGKILL',
      dataFolder: context.folder,
    }
  },
}

/** A TaskManager is there when the JobManager knows it. */
const REGISTERED = /Successful registration at resource manager/
const VERSION = /(Flink) EnvironmentInformation: +Starting .*\(Version: (\d[\d.]*)/
