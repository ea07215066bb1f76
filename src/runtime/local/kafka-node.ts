import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { basename, join } from 'node:path'
import { plainEnvironment } from '../environment.ts'
import type { Java } from './java.ts'
import { AGENT_JAR } from './kafka-jars.ts'
import { exporterSettings } from './kafka-metrics.ts'
import { propertiesText, type KafkaNode } from './kafka-settings.ts'
import type { KafkaTemplate } from './kafka-template.ts'
import { jarsIn } from './maven.ts'
import type { Launch } from './provider.ts'

/** Makes the folder of one broker, and says how it is started. */

/** Where a broker has what, in its folder. */
export const DATA = 'data'
const SETTINGS = 'server.properties'
const LOGGING = 'log4j2.properties'
const EXPORTER = 'exporter.yaml'
const JAVA_LOGGING = 'java-logging.properties'

/** Of what it says at INFO only its version and that it has started: 400 lines more take a start half a second of a core. */
export const LOGGING_TEXT = `status=error
appender.stdout.type=Console
appender.stdout.name=stdout
appender.stdout.layout.type=PatternLayout
appender.stdout.layout.pattern=%d{ISO8601} %p %c{1}: %m%n
rootLogger.level=WARN
rootLogger.appenderRef.stdout.ref=stdout
logger.started.name=kafka.server.KafkaRaftServer
logger.started.level=INFO
logger.version.name=org.apache.kafka.common.utils.AppInfoParser
logger.version.level=INFO
`

/** What `kafka-storage format` would do, without its virtual machine (2 s of a core): its one file is the same for every broker. */
export function layOut(node: KafkaNode, template: KafkaTemplate, folder: string): void {
  mkdirSync(join(folder, DATA), { recursive: true, mode: 0o700 })
  copyFileSync(template.bootstrap, join(folder, DATA, 'bootstrap.checkpoint'))
  const meta = { version: '1', 'cluster.id': node.clusterId, 'node.id': node.nodeId, 'directory.id': randomUuid() }
  writeFileSync(join(folder, DATA, 'meta.properties'), propertiesText(meta))
  writeFileSync(join(folder, SETTINGS), propertiesText(node.settings), { mode: 0o600 })
  writeFileSync(join(folder, LOGGING), LOGGING_TEXT)
  writeFileSync(join(folder, EXPORTER), exporterSettings())
  // Only the exporter logs by it: a stack trace for everybody who does not wait for its first answer, which takes it a second.
  writeFileSync(join(folder, JAVA_LOGGING), 'handlers=\n')
}

/** As Kafka writes a UUID: 16 bytes in URL-safe base64. It keeps those that begin with a dash for nobody, as they look like options. */
function randomUuid(): string {
  const text = randomBytes(16).toString('base64url')
  return text.startsWith('-') ? randomUuid() : text
}

export function launchOf(node: KafkaNode, java: Java, template: KafkaTemplate, folder: string): Launch {
  const { metrics } = node
  const agent = metrics === undefined ? [] : [`-javaagent:${join(template.jars, AGENT_JAR)}=${metrics.host}:${metrics.port}:${join(folder, EXPORTER)}`]
  const files = { 'log4j2.configurationFile': LOGGING, 'java.util.logging.config.file': JAVA_LOGGING, 'java.io.tmpdir': '.' }
  const properties = Object.entries(files).map(([name, path]) => `-D${name}=${join(folder, path)}`)
  const program = ['-cp', classPathOf(template.jars), 'kafka.Kafka', join(folder, SETTINGS)]
  return {
    file: java.file,
    args: [...node.heap, ...machineOptions(template), ...properties, ...agent, ...program],
    env: plainEnvironment(),
    cwd: folder,
  }
}

/** The archive of classes is good for exactly this order of jars. */
export function classPathOf(jars: string): string {
  return jarsIn(jars).filter((jar) => basename(jar) !== AGENT_JAR).join(':')
}

/**
 * With the parallel collectors a broker has a thread a core that is idle most of the time, and starts later.
 * -XX:-UsePerfData: nothing in /tmp/hsperfdata_…, which is no folder of the run.
 */
export function machineOptions({ archive }: Pick<KafkaTemplate, 'archive'>): string[] {
  const shared = archive === undefined ? [] : [`-XX:SharedArchiveFile=${archive}`, '-Xshare:auto', '-Xlog:disable', '-Xlog:all=error:stderr']
  return ['-XX:+UseSerialGC', '-XX:-UsePerfData', '-Djava.awt.headless=true', ...shared]
}
