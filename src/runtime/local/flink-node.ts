import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { plainEnvironment } from '../environment.ts'
import type { FlinkTemplate } from './flink-template.ts'
import { settingsText, type FlinkRole, type FlinkSettings } from './flink-settings.ts'
import type { Java } from './java.ts'
import { jarsIn } from './maven.ts'
import type { Launch } from './provider.ts'

/** Makes the folder of one process of Flink, and says how it is started. */

export interface FlinkNode {
  role: FlinkRole
  folder: string
  settings: FlinkSettings
  /** Of the virtual machine. */
  options: readonly string[]
  /** Of the program. */
  args: readonly string[]
}

const MAIN: Readonly<Record<FlinkRole, string>> = {
  jobmanager: 'org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint',
  taskmanager: 'org.apache.flink.runtime.taskexecutor.TaskManagerRunner',
  'sql-gateway': 'org.apache.flink.table.gateway.SqlGateway',
}

/** Flink's own words about jobs, checkpoints and failures; of others only complaints: Kafka's clients print all their settings at each start. */
export const LOGGING_TEXT = `status=error
appender.stdout.type=Console
appender.stdout.name=stdout
appender.stdout.layout.type=PatternLayout
appender.stdout.layout.pattern=%d{ISO8601} %p Flink %c{1}: %m%n
rootLogger.level=INFO
rootLogger.appenderRef.stdout.ref=stdout
logger.kafka.name=org.apache.flink.kafka.shaded
logger.kafka.level=WARN
logger.metrics.name=org.apache.flink.metrics
logger.metrics.level=ERROR
logger.pekko.name=org.apache.pekko
logger.pekko.level=WARN
logger.quartz.name=org.quartz
logger.quartz.level=WARN
logger.configuration.name=org.apache.flink.configuration.GlobalConfiguration
logger.configuration.level=WARN
logger.types.name=org.apache.flink.api.java.typeutils
logger.types.level=WARN
`

export function layOut({ folder, settings }: FlinkNode): void {
  for (const name of ['conf', 'tmp', 'plugins', 'opt']) mkdirSync(join(folder, name), { recursive: true, mode: 0o700 })
  writeFileSync(join(folder, 'conf', 'config.yaml'), settingsText(settings), { mode: 0o600 })
  writeFileSync(join(folder, 'conf', 'log4j2.properties'), LOGGING_TEXT)
}

/** The virtual machine itself, without the scripts around it: so its signals are the lab's, and no other Java has to start to work out its options. */
export function launchOf(node: FlinkNode, java: Java, template: Pick<FlinkTemplate, 'jars' | 'archives'>): Launch {
  const { folder, role } = node
  const conf = join(folder, 'conf')
  const archive = template.archives[role]
  return {
    file: java.file,
    args: [
      ...node.options,
      ...MODULES,
      // Nothing in /tmp/hsperfdata_…, which is no folder of the run.
      '-XX:-UsePerfData',
      ...(archive === undefined ? [] : [`-XX:SharedArchiveFile=${archive}`, '-Xshare:auto', '-Xlog:disable', '-Xlog:all=error:stderr']),
      `-Dlog4j2.configurationFile=${join(conf, 'log4j2.properties')}`,
      `-Djava.io.tmpdir=${join(folder, 'tmp')}`,
      '-cp',
      classPathOf(template.jars),
      MAIN[role],
      ...(role === 'sql-gateway' ? [] : ['--configDir', conf]),
      ...node.args,
    ],
    env: {
      ...plainEnvironment(),
      FLINK_CONF_DIR: conf,
      FLINK_LIB_DIR: template.jars,
      FLINK_PLUGINS_DIR: join(folder, 'plugins'),
      FLINK_OPT_DIR: join(folder, 'opt'),
      // RocksDB allocates from many threads; glibc would give each an arena that it never shrinks.
      MALLOC_ARENA_MAX: '2',
    },
    cwd: folder,
  }
}

/** An archive of classes is good for exactly this order of jars. */
export function classPathOf(jars: string): string {
  return jarsIn(jars).join(':')
}

/** Into which packages of Java's own modules Flink looks; as `env.java.opts.all` in the settings of its distribution. */
const OPENED = [
  'java.lang', 'java.net', 'java.io', 'java.nio', 'java.lang.reflect', 'java.text', 'java.time', 'java.util',
  'java.util.concurrent', 'java.util.concurrent.atomic', 'java.util.concurrent.locks', 'sun.nio.ch',
]
const MODULES = [
  ...OPENED.map((name) => `--add-opens=java.base/${name}=ALL-UNNAMED`),
  '--add-exports=java.rmi/sun.rmi.registry=ALL-UNNAMED',
  '--add-exports=java.security.jgss/sun.security.krb5=ALL-UNNAMED',
]
