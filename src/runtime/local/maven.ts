import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { cached, cacheDir } from '../cache.ts'
import { damageOf } from '../cache-manifest.ts'
import { MissingPrerequisite } from '../errors.ts'
import { findJava } from './java.ts'
import { onPath, runProgram } from './program.ts'
import type { Installing } from './provider.ts'

/** Jars, with all they need at run time. */
export interface MavenJars {
  /** In progress lines, and of the folder in the cache: `kafka-4.3.1`. */
  name: string
  /** `group:artifact:version`. */
  artifacts: readonly string[]
  /** About how much is downloaded, for the progress. */
  bytes?: number
}

export const MAVEN_FIX = 'install Maven (Debian, Ubuntu: apt install maven)'
/** One version for everybody: which one a Maven takes by itself hangs on its own. */
const PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1'
const FETCH_WITHIN_MS = 900_000
/** An archive of classes is good for jars of one size and time: with this one also for those fetched anew. */
const JAR_TIME = new Date('2000-01-01T00:00:00Z')
/** Progress is told at every twentieth. */
const STEPS = 20

/**
 * Fetches jars once into the cache, by Maven; afterwards it takes neither Maven nor a network.
 * Its settings (mirrors, proxies) are the caller's; its repository is one of our own for the time of the fetch, so that nothing
 * damaged in the caller's comes along, and nothing is left there.
 * @returns the folder the jars are in
 */
export async function mavenJars(wanted: MavenJars, io: Installing): Promise<string> {
  return cached(cacheDir(), cacheNameOf(wanted), io, async (folder) => {
    const java = findJava()
    const maven = onPath('mvn')
    if (!maven) throw new MissingPrerequisite(`there is no Maven on the PATH to fetch ${wanted.name} with`, MAVEN_FIX)
    const work = join(folder, '.maven')
    mkdirSync(work)
    writeFileSync(join(work, 'pom.xml'), pomOf(wanted.artifacts))
    const over = new AbortController()
    const watching = tellProgress(join(work, 'repository'), wanted, io, over.signal)
    try {
      const goal = [`${PLUGIN}:copy-dependencies`, '-DincludeScope=runtime', `-DoutputDirectory=${join(work, 'jars')}`]
      const options = ['--batch-mode', '--no-transfer-progress', '--strict-checksums', '--file', join(work, 'pom.xml'), `-Dmaven.repo.local=${join(work, 'repository')}`]
      // Maven is the caller's own program and may need proxies, certificates and settings from the caller's environment.
      const env = { ...process.env, JAVA_HOME: java.home, ...io.marks }
      await runProgram(maven, [...options, ...goal], { env, cwd: work, signal: io.signal, timeoutMs: FETCH_WITHIN_MS })
    } catch (error) {
      io.signal.throwIfAborted()
      const says = `Maven could not fetch ${wanted.name}:\n${reasonIn((error as Error).message)}`
      throw new MissingPrerequisite(says, 'look at the network, and at ~/.m2/settings.xml where there is a mirror; nothing is left of this attempt')
    } finally {
      over.abort()
      await watching
    }
    for (const name of readdirSync(join(work, 'jars'))) {
      renameSync(join(work, 'jars', name), join(folder, name))
      utimesSync(join(folder, name), JAR_TIME, JAR_TIME)
    }
    rmSync(work, { recursive: true })
    io.onFetch({ type: 'fetch', what: wanted.name, done: wanted.bytes ?? 1, total: wanted.bytes ?? 1 })
  })
}

/** Fetched before, and whole by names and sizes. */
export function areJarsInCache(wanted: MavenJars): boolean {
  const folder = join(cacheDir(), cacheNameOf(wanted))
  return existsSync(folder) && damageOf(folder) === undefined
}

/** The jars in a folder of {@link mavenJars}, by their names. */
export function jarsIn(folder: string): string[] {
  return readdirSync(folder).filter((name) => name.endsWith('.jar')).sort().map((name) => join(folder, name))
}

/** Other artifacts, another folder. */
export function cacheNameOf({ name, artifacts }: MavenJars): string {
  return `${name}-jars-${createHash('sha256').update(artifacts.join('\n')).digest('hex').slice(0, 8)}`
}

/** @param artifacts `group:artifact:version`; @throws naming one that is none */
export function pomOf(artifacts: readonly string[]): string {
  const dependencies = artifacts.map((artifact) => {
    const [groupId, artifactId, version, ...more] = artifact.split(':')
    if (!/^[\w.:-]+$/.test(artifact) || !groupId || !artifactId || !version || more.length > 0) throw new Error(`${JSON.stringify(artifact)} is no group:artifact:version`)
    return `    <dependency><groupId>${groupId}</groupId><artifactId>${artifactId}</artifactId><version>${version}</version></dependency>\n`
  })
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>load-lab</groupId><artifactId>jars</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
${dependencies.join('')}  </dependencies>
</project>
`
}

/** Of all that Maven says, what it calls an error; without how to get more of it. */
export function reasonIn(output: string): string {
  const errors = output.split('\n').flatMap((line) => /^\[ERROR\] (?!(?:Re-run|To see|For more|\[Help))(.+)$/.exec(line)?.[1] ?? [])
  return errors.length > 0 ? errors.slice(0, 5).join('\n') : output.trim().slice(-1_000)
}

async function tellProgress(repository: string, { name, bytes }: MavenJars, io: Installing, over: AbortSignal): Promise<void> {
  let told = -1
  while (!over.aborted) {
    // The last step is told when all is done.
    const step = bytes === undefined ? 0 : Math.min(STEPS - 1, Math.floor((STEPS * bytesUnder(repository)) / bytes))
    if (step > told) io.onFetch({ type: 'fetch', what: name, done: bytes === undefined ? 0 : Math.round((bytes * step) / STEPS), total: bytes })
    told = Math.max(told, step)
    await sleep(500, undefined, { signal: over }).catch(() => undefined)
  }
}

/** Maven gives files other names while this looks. */
function bytesUnder(folder: string): number {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0)
      .reduce((sum, size) => sum + size, 0)
  } catch {
    return 0
  }
}
