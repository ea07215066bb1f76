import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cached, cacheDir } from '../cache.ts'
import type { Java } from './java.ts'
import { KAFKA_JARS } from './kafka-jars.ts'
import { tryBroker } from './kafka-trial.ts'
import { mavenJars } from './maven.ts'
import type { Installing } from './provider.ts'

/** What is made once on this machine, so that a broker starts fast. */
export interface KafkaTemplate {
  /** Folder of its jars. */
  jars: string
  /** The file that formatting a broker's storage makes. */
  bootstrap: string
  /** Its classes, read and checked already: with them a start takes 2.6 s of a core instead of 5.2 s. Absent where this Java could not make it. */
  archive?: string
}

/** Fetches and makes what is not there yet. */
export async function kafkaTemplate(java: Java, io: Installing): Promise<KafkaTemplate> {
  const jars = await mavenJars(KAFKA_JARS, io)
  const folder = await cached(cacheDir(), templateName(java, jars), io, async (temporary) => {
    const what = `${KAFKA_JARS.name} (its storage and an archive of its classes)`
    io.onFetch({ type: 'fetch', what, done: 0 })
    const work = join(temporary, '.work')
    mkdirSync(work)
    await tryBroker({ java, jars, work, bootstrap: join(temporary, BOOTSTRAP), archive: join(temporary, ARCHIVE) }, io)
    rmSync(work, { recursive: true })
    io.onFetch({ type: 'fetch', what, done: 1, total: 1 })
  })
  const archive = join(folder, ARCHIVE)
  return { jars, bootstrap: join(folder, BOOTSTRAP), archive: existsSync(archive) ? archive : undefined }
}

const BOOTSTRAP = 'bootstrap.checkpoint'
const ARCHIVE = 'classes.jsa'

/** An archive is good for one build of Java and these very files. */
function templateName(java: Java, jars: string): string {
  const key = createHash('sha256').update([java.home, readFileSync(join(java.home, 'release'), 'utf8'), jars].join('\n')).digest('hex').slice(0, 8)
  return `${KAFKA_JARS.name}-template-${key}`
}
