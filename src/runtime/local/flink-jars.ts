import type { MavenJars } from './maven.ts'

export const FLINK_VERSION = '2.0.0'

/**
 * A Flink cluster with its SQL gateway, and what jobs of the system read and write: 70 jars.
 * The planner itself in place of flink-table-planner-loader, which unpacks it into a temporary folder at every start and loads it by a
 * class loader of its own, which no archive of classes helps. (The distribution says how to swap the two.)
 */
export const FLINK_JARS: MavenJars = {
  name: `flink-${FLINK_VERSION}`,
  artifacts: [
    ...['flink-runtime', 'flink-clients', 'flink-streaming-java', 'flink-rpc-akka-loader', 'flink-statebackend-rocksdb'].map(flink),
    ...['flink-table-api-java-bridge', 'flink-table-planner_2.12', 'flink-table-runtime', 'flink-sql-gateway', 'flink-sql-client'].map(flink),
    ...['flink-json', 'flink-connector-files', 'flink-connector-base', 'flink-connector-datagen'].map(flink),
    'org.apache.flink:flink-sql-connector-kafka:4.0.1-2.0',
    'org.apache.flink:flink-connector-jdbc-core:4.0.0-2.0',
    'org.apache.flink:flink-connector-jdbc-postgres:4.0.0-2.0',
    'org.postgresql:postgresql:42.7.13',
    // Flink's jars name only the interface (slf4j 1.7) of what writes its log.
    'org.apache.logging.log4j:log4j-slf4j-impl:2.25.3',
    'org.apache.logging.log4j:log4j-core:2.25.3',
  ],
  bytes: 230_000_000,
}

function flink(artifact: string): string {
  return `org.apache.flink:${artifact}:${FLINK_VERSION}`
}
