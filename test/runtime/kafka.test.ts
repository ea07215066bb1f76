import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { readComposeFiles, readStack, type ComposeService } from '../../src/runtime/compose.ts'
import { findJava, isJavaNewEnough, javaOnThisMachine, parseRelease } from '../../src/runtime/local/java.ts'
import { exporterSettings } from '../../src/runtime/local/kafka-metrics.ts'
import { classPathOf, launchOf, layOut } from '../../src/runtime/local/kafka-node.ts'
import { parseMetadata } from '../../src/runtime/local/kafka-ready.ts'
import { kafkaNode, propertiesText, settingName, type KafkaNode } from '../../src/runtime/local/kafka-settings.ts'
import { checkCommand } from '../../src/runtime/local/kafka.ts'
import { cacheNameOf, jarsIn, pomOf, reasonIn } from '../../src/runtime/local/maven.ts'
import { METRIC_NAMES } from '../../src/reports/metric-names.ts'

let folder = ''
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'lab-test-'))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** A folder that looks like a Java of this version. */
function javaHome(name: string, release: string): string {
  const home = join(folder, name)
  mkdirSync(join(home, 'bin'), { recursive: true })
  writeFileSync(join(home, 'bin', 'java'), '', { mode: 0o755 })
  writeFileSync(join(home, 'release'), release)
  return home
}

describe('Java', () => {
  it.each([
    ['17.0.15', true], ['17', true], ['21.0.1', true], ['22-ea', true], ['16.0.2', false], ['11.0.22', false], ['1.8.0_392', false], ['', false],
  ])('%s is new enough: %s', (version, enough) => expect(isJavaNewEnough({ version })).toBe(enough))
  it('says its version in a file', () => {
    expect(parseRelease('IMPLEMENTOR="Debian"\nJAVA_RUNTIME_VERSION="17.0.15+6"\nJAVA_VERSION="17.0.15"\n')).toBe('17.0.15')
    expect(parseRelease('')).toBeUndefined()
  })
  it('is that of JAVA_HOME, else of the PATH, through links; one that is too old is passed over', () => {
    const [old, good] = [javaHome('old', 'JAVA_VERSION="11.0.2"'), javaHome('good', 'JAVA_VERSION="17.0.1"')]
    mkdirSync(join(folder, 'path'))
    symlinkSync(join(good, 'bin', 'java'), join(folder, 'path', 'java'))
    const PATH = join(folder, 'path')
    expect(findJava({ PATH, JAVA_HOME: javaHome('newer', 'JAVA_VERSION="21"') }).version).toBe('21')
    expect(findJava({ PATH, JAVA_HOME: old })).toEqual({ file: join(good, 'bin', 'java'), home: good, version: '17.0.1' })
    expect(findJava({ PATH }).home).toBe(good)
  })
  it('that is missing is told with what is there and how to get one', () => {
    const home = javaHome('old', 'JAVA_VERSION="11.0.2"')
    expect(javaOnThisMachine({ PATH: '' })).toBeUndefined()
    expect(() => findJava({ PATH: '', JAVA_HOME: home })).toThrow(`no Java 17 or newer: ${home} is Java 11.0.2`)
    expect(() => findJava({ PATH: '', JAVA_HOME: join(folder, 'nowhere') })).toThrow(expect.objectContaining({ exitCode: 3, hint: expect.stringContaining('apt install openjdk-17-jre-headless') }))
  })
})

describe('jars by Maven', () => {
  it('are asked for by a POM of our own; what is no artifact is refused', () => {
    expect(pomOf(['org.apache.kafka:kafka_2.13:4.3.1'])).toContain('<groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>4.3.1</version>')
    for (const wrong of ['kafka', 'a:b', 'a:b:c:d', 'a:<b>:1', 'a::1']) expect(() => pomOf([wrong])).toThrow('is no group:artifact:version')
  })
  it('are in a folder of their own for every list of artifacts', () => {
    const names = [['a:b:1'], ['a:b:2'], ['a:b:1', 'c:d:1']].map((artifacts) => cacheNameOf({ name: 'x-1', artifacts }))
    expect(new Set(names).size).toBe(3)
    for (const name of names) expect(name).toMatch(/^x-1-jars-[0-9a-f]{8}$/)
  })
  it('are listed by name and nothing else is', () => {
    for (const name of ['b.jar', 'a.jar', '.files', '.sha256']) writeFileSync(join(folder, name), '')
    expect(jarsIn(folder)).toEqual(['a.jar', 'b.jar'].map((name) => join(folder, name)))
  })
  it.each([
    ['[INFO] Scanning\n[ERROR] Could not transfer artifact x: Connection refused\n[ERROR] \n[ERROR] Re-run Maven using -X\n[ERROR] [Help 1] http://…', 'Could not transfer artifact x: Connection refused'],
    ['mvn: something odd\n', 'mvn: something odd'],
  ])('what went wrong is told in a line or two', (output, reason) => expect(reasonIn(output).trim()).toBe(reason))
})

const ENVIRONMENT = {
  KAFKA_NODE_ID: '2', KAFKA_PROCESS_ROLES: 'broker,controller', KAFKA_LISTENERS: 'PLAINTEXT://:9092,CONTROLLER://0.0.0.0:9093',
  KAFKA_ADVERTISED_LISTENERS: 'PLAINTEXT://127.0.0.1:40000', KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER', KAFKA_CONTROLLER_QUORUM_VOTERS: '2@127.0.0.1:20001',
}
const HOSTED = new Map([[9092, { host: '127.0.0.1', port: 20_000 }], [9093, { host: '127.0.0.1', port: 20_001 }]])
const nodeOf = (environment: Record<string, string>, hosted = HOSTED): KafkaNode => kafkaNode({ name: 'kafka-2', environment }, hosted, '/run/data')

describe('settings of a broker', () => {
  it.each([
    ['KAFKA_NUM_IO_THREADS', 'num.io.threads'], ['KAFKA_A__B_C', 'a_b.c'], ['KAFKA_A___B', 'a-b'],
  ])('%s is %s', (variable, name) => expect(settingName(variable)).toBe(name))

  it('are those of the image; addresses and folder are the lab’s, and what clients are told is left as it is', () => {
    const node = nodeOf({ ...ENVIRONMENT, CLUSTER_ID: 'abc', KAFKA_HEAP_OPTS: '-Xmx1g  -Xms64m', KAFKA_LOG_DIRS: '/var/lib/kafka', PATH: '/bin' })
    expect(node).toMatchObject({ nodeId: '2', clusterId: 'abc', host: '127.0.0.1', port: 20_000, metrics: undefined, heap: ['-Xmx1g', '-Xms64m'] })
    expect(node.settings).toEqual({
      'node.id': '2', 'process.roles': 'broker,controller', listeners: 'PLAINTEXT://127.0.0.1:20000,CONTROLLER://127.0.0.1:20001', 'log.dirs': '/run/data',
      'advertised.listeners': 'PLAINTEXT://127.0.0.1:40000', 'controller.listener.names': 'CONTROLLER', 'controller.quorum.voters': '2@127.0.0.1:20001',
    })
  })

  it.each([
    ['a setting the image needs', { KAFKA_NODE_ID: '', KAFKA_LISTENERS: '' }, 'service kafka-2 (kafka) lacks KAFKA_NODE_ID, KAFKA_LISTENERS'],
    ['a port that has none here', { KAFKA_LISTENERS: 'PLAINTEXT://:9094' }, 'listens on 9094, which x-lab.ports does not name'],
    ['what is no listener', { KAFKA_LISTENERS: '9092' }, 'has a listener "9092"'],
    ['no listener for clients', { KAFKA_LISTENERS: 'CONTROLLER://:9093' }, 'has no listener for clients'],
    ['what would have no effect', { KAFKA_OPTS: '-Dx=y' }, 'has KAFKA_OPTS, which the local runtime does nothing with'],
  ])('%s is refused', (_, more, says) => expect(() => nodeOf({ ...ENVIRONMENT, ...more })).toThrow(says))

  it('no command but the image’s own is run', () => {
    expect(() => checkCommand({ name: 'k', command: [] })).not.toThrow()
    expect(() => checkCommand({ name: 'k', command: ['sh'] })).toThrow('can only run the image\'s own command, not sh')
  })

  it('survive being written as properties, whatever is in them', () => {
    expect(propertiesText({ 'a.b': 'rack \\ #1: é!' })).toBe('a.b=rack \\\\ \\#1\\: \\u00e9\\!\n')
    // As java.util.Properties reads them.
    const read = (text: string): Record<string, string> => Object.fromEntries(text.split('\n').filter((line) => line !== '').map((line) => {
      const at = /(?<!\\)(?:\\\\)*=/.exec(line)!
      return [line.slice(0, at.index), line.slice(at.index + at[0].length)].map((part) => part.replace(/\\(?:u([0-9a-f]{4})|(.))/g, (__, hex?: string, char?: string) =>
        hex !== undefined ? String.fromCharCode(parseInt(hex, 16)) : char === 'n' ? '\n' : char!))
    }))
    const char = fc.oneof(fc.constantFrom(...'\\:=#! \n\ru'), fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)))
    fc.assert(fc.property(fc.string({ unit: char }), (value) => {
      expect(read(propertiesText({ 'a.b': value }))).toEqual({ 'a.b': value })
    }))
  })
})

describe('the folder of a broker', () => {
  const template = (): { jars: string; bootstrap: string; archive: string } => {
    for (const name of ['kafka.jar', 'other.jar', 'jmx_prometheus_javaagent-1.0.1.jar', 'bootstrap']) writeFileSync(join(folder, name), name)
    return { jars: folder, bootstrap: join(folder, 'bootstrap'), archive: join(folder, 'classes.jsa') }
  }

  it('is what formatting it would make, with an identity of its own each time', () => {
    const at = [join(folder, 'one'), join(folder, 'two')]
    for (const path of at) layOut(nodeOf({ ...ENVIRONMENT, CLUSTER_ID: 'abc' }), template(), path)
    const metas = at.map((path) => readFileSync(join(path, 'data', 'meta.properties'), 'utf8'))
    expect(metas[0]).toMatch(/^version=1\ncluster\.id=abc\nnode\.id=2\ndirectory\.id=[\w-]{22}\n$/)
    expect(metas[0]).not.toBe(metas[1])
    expect(readFileSync(join(at[0]!, 'data', 'bootstrap.checkpoint'), 'utf8')).toBe('bootstrap')
    expect(statSync(join(at[0]!, 'data')).mode & 0o077).toBe(0)
  })

  it('holds all it writes; of the environment nothing goes along, the agent is started only where its port is', () => {
    const java = { file: '/java/bin/java', home: '/java', version: '17' }
    const made = template()
    const plain = launchOf(nodeOf({ ...ENVIRONMENT, SECRET: 'x' }), java, made, '/run/kafka')
    expect(plain.env).not.toHaveProperty('SECRET')
    expect(plain.args.join(' ')).not.toContain('-javaagent')
    expect(plain.args).toEqual(expect.arrayContaining([`-XX:SharedArchiveFile=${made.archive}`, '-Djava.io.tmpdir=/run/kafka', '-XX:-UsePerfData', join('/run/kafka', 'server.properties')]))
    const measured = launchOf(nodeOf(ENVIRONMENT, new Map([...HOSTED, [9404, { host: '127.0.0.1', port: 20_002 }]])), java, made, '/run/kafka')
    expect(measured.args).toContain(`-javaagent:${join(folder, 'jmx_prometheus_javaagent-1.0.1.jar')}=127.0.0.1:20002:/run/kafka/exporter.yaml`)
    expect(classPathOf(folder)).toBe([join(folder, 'kafka.jar'), join(folder, 'other.jar')].join(':'))
  })
})

describe('metrics of a broker', () => {
  const settings = parse(exporterSettings()) as { includeObjectNames: string[]; rules: { pattern: string; name: string }[] }
  it('are few, ours by name, and named in the report', () => {
    expect(settings.rules.length).toBeLessThan(15)
    for (const { name } of settings.rules) expect(METRIC_NAMES, name).toHaveProperty(name)
  })
  it('match what the exporter makes of a bean', () => {
    const rule = settings.rules.find(({ name }) => name === 'lab_kafka_produce_p99_seconds')!
    expect('kafka.network<type=RequestMetrics, name=TotalTimeMs, request=Produce><>99thPercentile: 12.5').toMatch(new RegExp(`^.*(?:${rule.pattern}).*$`))
    expect('kafka.network<type=RequestMetrics, name=TotalTimeMs, request=Produce><>999thPercentile: 12.5').not.toMatch(new RegExp(`^.*(?:${rule.pattern}).*$`))
  })
})

describe('what a broker answers when it is asked for its cluster', () => {
  /** Metadata, version 1: correlation, brokers { id, host, port, rack }, controller, topics. */
  function answer(brokers: readonly { id: number; host: string; rack?: string }[], controller: number): Buffer {
    const int32 = (value: number): Buffer => { const it = Buffer.alloc(4); it.writeInt32BE(value); return it }
    const text = (value: string | undefined): Buffer => {
      const bytes = Buffer.from(value ?? '')
      const size = Buffer.alloc(2)
      size.writeInt16BE(value === undefined ? -1 : bytes.length)
      return Buffer.concat([size, bytes])
    }
    return Buffer.concat([int32(1), int32(brokers.length), ...brokers.flatMap(({ id, host, rack }) => [int32(id), text(host), int32(9092), text(rack)]), int32(controller), int32(0)])
  }

  it('is read, with and without racks, and while no controller leads', () => {
    const three = [{ id: 1, host: 'kafka' }, { id: 2, host: 'kafka-2', rack: 'rack é' }, { id: 3, host: '' }]
    expect(parseMetadata(answer(three, 2))).toEqual({ nodeIds: [1, 2, 3], controller: 2 })
    expect(parseMetadata(answer([], -1))).toEqual({ nodeIds: [], controller: undefined })
  })
  it('is nothing where it is cut off', () => {
    const whole = answer([{ id: 1, host: 'kafka', rack: 'r' }], 1)
    // Of its last part, the topics, nothing is needed.
    for (let bytes = 0; bytes < whole.length - 4; bytes += 1) expect(parseMetadata(whole.subarray(0, bytes)), `${bytes} bytes`).toBeUndefined()
  })
})

describe('three brokers', () => {
  const compose = (name: string): string => fileURLToPath(new URL(`../../compose/${name}.yaml`, import.meta.url))
  const stackOf = (...names: string[]): Record<string, ComposeService> => readStack(readComposeFiles(['base', ...names].map(compose)), {}).services

  it.each(['v3', 'v5'])('%s: the other two are as the first, and everybody who speaks with Kafka knows all of them', (arch) => {
    const services = stackOf(arch, 'kafka.three', `${arch}.three`)
    const [first, ...others] = ['kafka', 'kafka-2', 'kafka-3'].map((name) => services[name]!)
    expect(stackOf(arch)).not.toHaveProperty('kafka-2')
    for (const [index, other] of others.entries()) {
      expect(other.environment).toEqual({ ...first!.environment, KAFKA_NODE_ID: String(index + 2), KAFKA_ADVERTISED_LISTENERS: `PLAINTEXT://${other.name}:9092` })
      expect(Object.values(other.ports)).toEqual(Object.values(first!.ports))
    }
    expect(first!.environment.KAFKA_CONTROLLER_QUORUM_VOTERS).toBe('1@kafka:9093,2@kafka-2:9093,3@kafka-3:9093')
    const speakers = Object.values(services).filter(({ environment }) => environment.KAFKA_HOST !== undefined)
    expect(speakers.map(({ name }) => name)).toContain('api')
    for (const { name, environment } of speakers) expect(environment, name).toMatchObject({ KAFKA_2_HOST: 'kafka-2', KAFKA_2_PORT: '9092', KAFKA_3_HOST: 'kafka-3', KAFKA_3_PORT: '9092' })
    expect(services.setup!.dependsOn).toMatchObject({ kafka: 'service_healthy', 'kafka-2': 'service_healthy', 'kafka-3': 'service_healthy' })
  })
})
