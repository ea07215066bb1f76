import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDir } from './cache.ts'
import type { ProviderName } from './compose.ts'
import type { Finding } from './doctor.ts'
import { packageRoot } from './entry.ts'
import { CLICKHOUSE, CLICKHOUSE_FIX, isSupported } from './local/clickhouse-binaries.ts'
import { canFetchPackages } from './local/debian-packages.ts'
import { FLINK_JARS } from './local/flink-jars.ts'
import { findJava, JAVA_FIX, javaOnThisMachine } from './local/java.ts'
import { KAFKA_JARS } from './local/kafka-jars.ts'
import { areJarsInCache, MAVEN_FIX, type MavenJars } from './local/maven.ts'
import { findPackage, POSTGRES_PACKAGE } from './local/postgres-binaries.ts'
import { onPath } from './local/program.ts'
import { installedRabbitmq, rabbitmqInCache, RABBITMQ_FIX } from './local/rabbitmq-binaries.ts'
import { installedServer, pythonWithPip, WHEEL } from './local/redis-binary.ts'

type Look = Omit<Finding, 'what'>

interface Needed {
  providers: readonly ProviderName[]
  /** How the names of its entries in the cache begin. */
  entries?: string
  look(signal: AbortSignal): Look | Promise<Look>
}

/** What the local runtime needs of this machine for each kind of service, by its name in the list; nothing is fetched here. */
export const BACKENDS: Readonly<Record<string, Needed>> = {
  PostgreSQL: { providers: ['postgres'], entries: 'postgres-', look: postgresPackage },
  Redis: { providers: ['redis'], entries: 'valkey-', look: redisServer },
  RabbitMQ: { providers: ['rabbitmq'], entries: 'rabbitmq-', look: rabbitmqServer },
  Java: { providers: ['kafka', 'flink'], look: java },
  Kafka: { providers: ['kafka'], entries: 'kafka-', look: () => jars(KAFKA_JARS) },
  Flink: { providers: ['flink'], entries: 'flink-', look: () => jars(FLINK_JARS) },
  ClickHouse: { providers: ['clickhouse'], entries: 'clickhouse-', look: clickhouse },
}

/** Is an entry of the cache, by its name, one that these need? */
export function isEntryOf(providers: readonly ProviderName[]): (name: string) => boolean {
  const beginnings = Object.values(BACKENDS).filter((one) => one.providers.some((provider) => providers.includes(provider))).flatMap(({ entries }) => entries ?? [])
  return (name) => beginnings.some((beginning) => name.startsWith(beginning))
}

function java(): Look {
  const found = javaOnThisMachine()
  if (found) return { status: 'ok', says: `${found.version} in ${found.home}` }
  return { status: 'missing', says: whyNoJava(), fix: JAVA_FIX }
}

function whyNoJava(): string {
  try {
    return findJava().version
  } catch (error) {
    return (error as Error).message
  }
}

function jars(wanted: MavenJars): Look {
  if (areJarsInCache(wanted)) return { status: 'ok', says: `${wanted.name} in ${cacheDir()}, fetched before` }
  const maven = onPath('mvn')
  if (maven) return { status: 'ok', says: `not fetched yet; ${maven} does it on first use${wanted.bytes === undefined ? '' : ` (${Math.round(wanted.bytes / 1e6)} MB)`} (\`lab setup\` does it now)` }
  return { status: 'missing', says: `${wanted.name} is not fetched yet, and there is no Maven on the PATH to do it`, fix: MAVEN_FIX }
}

function clickhouse(): Look {
  if (!isSupported()) return { status: 'missing', says: `what could be fetched is not for ${process.platform} on ${process.arch}`, fix: CLICKHOUSE_FIX }
  const folder = join(cacheDir(), CLICKHOUSE.folder)
  if (existsSync(folder)) return { status: 'ok', says: `in ${folder}, fetched before` }
  const npm = onPath('npm')
  if (npm) return { status: 'ok', says: `not fetched yet; ${npm} does it on first use (${Math.round(CLICKHOUSE.bytes / 1e6)} MB) (\`lab setup\` does it now)` }
  return { status: 'missing', says: 'not fetched yet, and there is no npm on the PATH to do it', fix: CLICKHOUSE_FIX }
}

function postgresPackage(): Look {
  const found = findPackage()
  if (found) return { status: 'ok', says: `${POSTGRES_PACKAGE} ${found.version}` }
  return { status: 'missing', says: `the npm package ${POSTGRES_PACKAGE} is not installed`, fix: `npm ci, in ${packageRoot}` }
}

async function redisServer(signal: AbortSignal): Promise<Look> {
  const installed = await installedServer(signal)
  if (installed) return { status: 'ok', says: installed }
  const fetched = join(cacheDir(), WHEEL.folder, 'valkey-server')
  if (existsSync(fetched)) return { status: 'ok', says: `${fetched}, fetched before` }
  const python = await pythonWithPip(signal)
  if (python && process.arch === 'x64') return { status: 'ok', says: `none yet; ${WHEEL.requirement} is fetched with ${python} on first use (\`lab setup\` does it now)` }
  return { status: 'missing', says: 'neither on the PATH, nor a Python with pip to fetch it', fix: 'apt install redis-server, or apt install python3-pip' }
}

function rabbitmqServer(): Look {
  const installed = installedRabbitmq()
  if (installed) return { status: 'ok', says: `${installed.version} in ${installed.home}` }
  const fetched = rabbitmqInCache()
  if (fetched) return { status: 'ok', says: `${fetched.version} in ${cacheDir()}, fetched before` }
  if (canFetchPackages()) return { status: 'ok', says: 'none yet; its packages (34 MB) are fetched by apt on first use, not installed (`lab setup --arch v4` does it now)' }
  return { status: 'missing', says: 'neither on the PATH, nor an apt to fetch it', fix: RABBITMQ_FIX }
}
