import type { MavenJars } from './maven.ts'

export const KAFKA_VERSION = '4.3.1'

/** The broker with all it needs, and the agent that shows its metrics: 47 jars, 48 MB (with Maven's own plugins 68 MB are downloaded). */
export const KAFKA_JARS: MavenJars = {
  name: `kafka-${KAFKA_VERSION}`,
  artifacts: [
    `org.apache.kafka:kafka_2.13:${KAFKA_VERSION}`,
    // The broker's jars name only the interface (slf4j 1.7) of what writes its log.
    'org.apache.logging.log4j:log4j-slf4j-impl:2.25.3',
    'org.apache.logging.log4j:log4j-core:2.25.3',
    'io.prometheus.jmx:jmx_prometheus_javaagent:1.0.1',
  ],
  bytes: 68_200_000,
}

/** Of the jars; no part of the class path. */
export const AGENT_JAR = 'jmx_prometheus_javaagent-1.0.1.jar'
