import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cached, cacheDir } from '../cache.ts'
import { FLINK_JARS } from './flink-jars.ts'
import { FLINK_ROLES, type FlinkRole } from './flink-settings.ts'
import { tryCluster } from './flink-trial.ts'
import type { Java } from './java.ts'
import { mavenJars } from './maven.ts'
import type { Installing } from './provider.ts'

/** What is made once on this machine, so that a cluster starts fast. */
export interface FlinkTemplate {
  /** Folder of its jars. */
  jars: string
  /** Its classes, read and checked already: with them (and the first compiler alone for two of the three) a start of all takes 8 s of a core instead of 14. Absent where this Java could not make them. */
  archives: Partial<Record<FlinkRole, string>>
}

/** Fetches and makes what is not there yet. */
export async function flinkTemplate(java: Java, io: Installing): Promise<FlinkTemplate> {
  const jars = await mavenJars(FLINK_JARS, io)
  const folder = await cached(cacheDir(), templateName(java, jars), io, async (temporary) => {
    const what = `${FLINK_JARS.name} (archives of its classes)`
    io.onFetch({ type: 'fetch', what, done: 0 })
    const work = join(temporary, '.work')
    mkdirSync(work)
    await tryCluster(java, jars, work, (role) => join(temporary, archiveName(role)), io).catch(() => {
      io.signal.throwIfAborted()
      // A Java that has no such archives starts Flink all the same.
      for (const role of FLINK_ROLES) rmSync(join(temporary, archiveName(role)), { force: true })
    })
    rmSync(work, { recursive: true, force: true })
    writeFileSync(join(temporary, 'java.txt'), `${java.home} ${java.version}\n`)
    io.onFetch({ type: 'fetch', what, done: 1, total: 1 })
  })
  const made = FLINK_ROLES.map((role) => [role, join(folder, archiveName(role))] as const).filter(([, path]) => existsSync(path))
  return { jars, archives: Object.fromEntries(made) }
}

const archiveName = (role: FlinkRole): string => `${role}.jsa`

/** An archive is good for one build of Java and these very files. */
function templateName(java: Java, jars: string): string {
  const key = createHash('sha256').update([java.home, readFileSync(join(java.home, 'release'), 'utf8'), jars].join('\n')).digest('hex').slice(0, 8)
  return `${FLINK_JARS.name}-template-${key}`
}
