import { readFileSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { MissingPrerequisite } from '../errors.ts'
import { onPath } from './program.ts'

/** A Java runtime on this machine. */
export interface Java {
  /** `…/bin/java` */
  file: string
  /** What `JAVA_HOME` would be. */
  home: string
  /** `17.0.15` */
  version: string
}

/** Kafka 4 and Flink 2 are compiled for it. */
const OLDEST_JAVA = 17
export const JAVA_FIX = 'install Java 17 or newer (Debian 12, Ubuntu 22.04 or newer: apt install openjdk-17-jre-headless), or point JAVA_HOME at one'

/** Of `JAVA_HOME`, else of the PATH: the first that is 17 or newer. @throws MissingPrerequisite naming what was found instead */
export function findJava(env: NodeJS.ProcessEnv = process.env): Java {
  const there = javasOf(env)
  const found = there.find(isJavaNewEnough)
  if (found) return found
  const says = there.map(({ home, version }) => `${home} is Java ${version}`).join(', ')
  throw new MissingPrerequisite(says === '' ? 'there is no Java, neither by JAVA_HOME nor on the PATH' : `there is no Java ${OLDEST_JAVA} or newer: ${says}`, JAVA_FIX)
}

/** As {@link findJava}; undefined where that throws. */
export function javaOnThisMachine(env: NodeJS.ProcessEnv = process.env): Java | undefined {
  return javasOf(env).find(isJavaNewEnough)
}

function javasOf(env: NodeJS.ProcessEnv): Java[] {
  const homes = [env.JAVA_HOME, homeOf(onPath('java', env.PATH))]
  return homes.flatMap((home) => (home ? (javaIn(home) ?? []) : []))
}

/** `/usr/bin/java` is a link of links to `<home>/bin/java`. */
function homeOf(program: string | undefined): string | undefined {
  return program && dirname(dirname(realpathSync(program)))
}

/** What it says of itself in its file `release`: asking the program takes a virtual machine's start. */
function javaIn(home: string): Java | undefined {
  const file = onPath('java', join(home, 'bin'))
  const version = parseRelease(readIfThere(join(home, 'release')))
  return file && version ? { file, home, version } : undefined
}

/** @param release content of a Java's file of that name: `JAVA_VERSION="17.0.15"` */
export function parseRelease(release: string): string | undefined {
  return /^JAVA_VERSION="([^"]+)"/m.exec(release)?.[1]
}

/** `17.0.15`, `21`, `22-ea`; before Java 9 it was `1.8.0_392`. */
export function isJavaNewEnough({ version }: Pick<Java, 'version'>): boolean {
  return Number(/^\d+/.exec(version)?.[0]) >= OLDEST_JAVA
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
