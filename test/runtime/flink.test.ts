import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readComposeFiles, readStack } from '../../src/runtime/compose.ts'
import { commandOf, endpointOf, FLINK_ROLES, localSettings, machineOptions, parseProperties, settingsText } from '../../src/runtime/local/flink-settings.ts'
import { FLINK_JARS } from '../../src/runtime/local/flink-jars.ts'

const service = (properties: string) => ({ name: 'flink', environment: { FLINK_PROPERTIES: properties, JVM_ARGS: ' -Da=1  -Db=2' } })
const MiB = 2 ** 20

describe('the command of a Flink service', () => {
  it.each([
    [['jobmanager'], 'jobmanager', []],
    [['taskmanager'], 'taskmanager', []],
    [['bin/sql-gateway.sh', 'start-foreground'], 'sql-gateway', []],
    [['sql-gateway.sh', 'start-foreground', '-Da.b=c'], 'sql-gateway', ['-Da.b=c']],
  ] as const)('%s', (command, role, args) => {
    expect(commandOf({ name: 'flink', command: [...command] })).toEqual({ role, args })
  })

  it.each([[[]], [['standalone-job']], [['jobmanager', '--host']], [['sql-gateway.sh', 'start']], [['sql-gateway.sh', 'start-foreground', 'x']]])('%s is refused', (command) => {
    expect(() => commandOf({ name: 'flink', command })).toThrow(/service flink: .*/)
  })
})

describe('FLINK_PROPERTIES', () => {
  it('are lines `key: value`; the last of a key counts', () => {
    const properties = 'a.b: 1\n\n  c-d:   file:///x  \na.b:2\n'
    expect([...parseProperties(service(properties))]).toEqual([['a.b', '2'], ['c-d', 'file:///x']])
  })

  it.each(['a.b=1', '# a comment', 'a.b: 1 2', 'a.b:'])('that the image would spoil are refused: %s', (line) => {
    expect(() => parseProperties(service(`x: 1\n${line}`))).toThrow(JSON.stringify(line))
  })

  it('give a TaskManager the memory that the scripts of the image would give it', () => {
    const given = parseProperties(service('taskmanager.memory.task.heap.size: 1g\ntaskmanager.memory.network.max: 64mb\ntaskmanager.memory.framework.off-heap.size: 32m'))
    expect(machineOptions('taskmanager', given, service(''))).toEqual(['-Da=1', '-Db=2', `-Xmx${(1_024 + 128) * MiB}`, `-XX:MaxDirectMemorySize=${96 * MiB}`, `-XX:MaxMetaspaceSize=${256 * MiB}`])
    const settings = localSettings('taskmanager', given, { name: 'flink' }, '/run/tm')
    expect(Object.fromEntries(settings)).toMatchObject({
      'taskmanager.host': '127.0.0.1', 'taskmanager.bind-host': '127.0.0.1', 'taskmanager.cpu.cores': '1', 'taskmanager.memory.network.min': '64mb', 'io.tmp.dirs': '/run/tm/tmp',
    })
  })

  it('that lack what has to be known are refused by name', () => {
    expect(() => machineOptions('taskmanager', new Map(), { name: 'tm', environment: {} })).toThrow('service tm: FLINK_PROPERTIES lacks taskmanager.memory.task.heap.size')
    expect(() => machineOptions('jobmanager', new Map([['jobmanager.memory.heap.size', 'much']]), { name: 'jm', environment: {} })).toThrow('jobmanager.memory.heap.size: much')
    expect(() => endpointOf('jobmanager', new Map(), { name: 'jm' })).toThrow('rest.address')
  })

  it('become settings on loopback alone', () => {
    const given = new Map([['sql-gateway.endpoint.rest.address', '127.0.0.1'], ['sql-gateway.endpoint.rest.port', '8083']])
    expect(settingsText(localSettings('sql-gateway', given, { name: 'gw' }, '/run/gw'))).toContain('sql-gateway.endpoint.rest.bind-address: 127.0.0.1\nsql-gateway.endpoint.rest.bind-port: 8083\n')
    expect(endpointOf('sql-gateway', given, { name: 'gw' })).toBe('http://127.0.0.1:8083/v1/info')
    expect(endpointOf('taskmanager', given, { name: 'tm' })).toBeUndefined()
  })
})

it('the compose file of v3 gives all three processes what they need', () => {
  const { services } = readStack(readComposeFiles(['compose/base.yaml', 'compose/v3.yaml']), {})
  const roles = Object.values(services).filter(({ provider }) => provider === 'flink').map((one) => {
    const { role } = commandOf(one)
    const given = parseProperties(one)
    // A job cannot ask for more than the cluster keeps, and the one before a damaged one must be there.
    expect(Number(given.get('execution.checkpointing.num-retained'))).toBeGreaterThan(1)
    expect(machineOptions(role, given, one).length).toBeGreaterThan(0)
    expect(endpointOf(role, given, one) === undefined).toBe(role === 'taskmanager')
    return role
  })
  expect(roles.sort()).toEqual([...FLINK_ROLES].sort())
})

it('the image for docker has the connectors that the local runtime fetches', () => {
  const image = readFileSync('compose/images/flink/Dockerfile', 'utf8')
  for (const artifact of FLINK_JARS.artifacts.filter((one) => /connector-(jdbc|kafka)|sql-connector|postgresql/.test(one))) {
    const [group, name, version] = artifact.split(':') as [string, string, string]
    expect(image).toContain(`${group.replaceAll('.', '/')}/${name}/${version}/${name}-${version}.jar`)
  }
})
