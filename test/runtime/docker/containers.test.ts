import { Readable } from 'node:stream'
import Docker from 'dockerode'
import { describe, expect, it } from 'vitest'
import { readStack } from '../../../src/runtime/compose.ts'
import { basesOf } from '../../../src/runtime/docker/build.ts'
import { explained } from '../../../src/runtime/docker/engine.ts'
import { checkCommand, containerParts, type ContainerPart } from '../../../src/runtime/docker/container-part.ts'
import { containerConfig } from '../../../src/runtime/docker/container-config.ts'
import { exitOf } from '../../../src/runtime/docker/exits.ts'
import { importsOf, packageOf } from '../../../src/runtime/docker/image-content.ts'
import { follow, pullProgress } from '../../../src/runtime/docker/images.ts'
import { unixTime } from '../../../src/runtime/docker/logs.ts'
import { fateOf, LABELS, runLabels } from '../../../src/runtime/docker/mark.ts'
import { usageOf } from '../../../src/runtime/docker/stats.ts'
import type { RuntimeEvent } from '../../../src/runtime/runtime.ts'

const stackOf = (service: string, more = '') => readStack([{ path: '/p/compose.yaml', text: `services:\n  s:\n    image: i\n    x-lab: { provider: redis }\n    ${service.split('\n').join('\n    ')}\n${more}` }], {})
const partOf = (service: string, more = ''): ContainerPart => containerParts(stackOf(service, more), ['/p/compose.yaml']).s!

describe('what a compose file says of a container', () => {
  it.each<[string, string, Partial<ContainerPart>]>([
    ['a check of words', 'healthcheck: { test: ["CMD", "redis-cli", "ping"], interval: 1s, timeout: 2s, retries: 60, start_period: 1m }', { check: { test: ['CMD', 'redis-cli', 'ping'], timeoutMs: 2_000, retries: 60, startPeriodMs: 60_000 } }],
    ['a check as a line', 'healthcheck: { test: "redis-cli ping" }', { check: { test: ['CMD-SHELL', 'redis-cli ping'], timeoutMs: 30_000, retries: 3, startPeriodMs: 0 } }],
    ['a check that is off', 'healthcheck: { test: "x", disable: true }', { check: undefined }],
    ['limits', 'deploy: { resources: { limits: { cpus: "0.5", memory: 512m, pids: 100 }, reservations: { memory: 1g } } }', { nanoCpus: 5e8, memoryBytes: 512 * 1024 ** 2, pidsLimit: 100, memoryReservationBytes: 1024 ** 3 }],
    ['files beside it', 'volumes: ["./conf/a.conf:/etc/a.conf:ro", "/abs:/x"]', { binds: ['/p/conf/a.conf:/etc/a.conf:ro', '/abs:/x'] }],
    ['the rest', 'hostname: h\nuser: 7\ninit: true\nshm_size: 64mb\ntmpfs: /t:size=1m\nsysctls: { net.core.somaxconn: 1024 }\nulimits: { nofile: 99, nproc: { soft: 1, hard: 2 } }\nlabels: ["a=b"]', {
      hostname: 'h', user: '7', init: true, shmBytes: 64 * 1024 ** 2, tmpfs: { '/t': 'size=1m' }, sysctls: { 'net.core.somaxconn': '1024' }, labels: { a: 'b' },
      ulimits: [{ Name: 'nofile', Soft: 99, Hard: 99 }, { Name: 'nproc', Soft: 1, Hard: 2 }],
    }],
  ])('%s', (_, service, part) => {
    expect(partOf(service)).toMatchObject(part)
  })

  it('a named volume', () => {
    expect(partOf('volumes: ["data:/data"]', 'volumes: { data: {} }').volumes).toEqual([{ name: 'data', path: '/data', readOnly: false }])
  })

  it.each([
    ['networks: { a: {} }', /services\.s\.networks: --runtime docker does not support this key: every run has one network/],
    ['logging: { driver: syslog }', /services\.s\.logging: .*logs\/<service>\.log/],
    ['volumes: ["gone:/data"]', /services\.s\.volumes: there is no volume gone/],
    ['volumes: [{ type: bind }]', /services\.s\.volumes\.0: .*long form/],
    ['shm_size: lots', /services\.s\.shm_size: expected a size/],
    ['healthcheck: { test: x, interval: soon }', /services\.s\.healthcheck\.interval: expected a duration/],
  ])('%s is refused by name', (service, says) => {
    expect(() => partOf(service)).toThrow(says)
  })

  it('who is waited for to be healthy needs a check; scripts of this machine are no images', () => {
    const text = 'services:\n  a: { image: i, x-lab: { provider: redis } }\n  b: { image: i, x-lab: { provider: node, entry: ./x.ts }, depends_on: { a: { condition: service_healthy } } }'
    const stack = readStack([{ path: '/p/c.yaml', text }], {})
    expect(() => containerParts(stack, ['/p/c.yaml'])).toThrow(/services\.a\.healthcheck: is missing[^]*services\.b\.x-lab\.entry/)
  })

  it('the words that run a check', () => {
    const check = { timeoutMs: 1, retries: 1, startPeriodMs: 0 }
    expect(checkCommand({ ...check, test: ['CMD', 'a', 'b'] })).toEqual(['a', 'b'])
    expect(checkCommand({ ...check, test: ['CMD-SHELL', 'a | b'] })).toEqual(['/bin/sh', '-c', 'a | b'])
  })
})

describe('what the engine is asked for', () => {
  const setting = { runId: 'r1', labels: runLabels('r1', { host: 'h/m', boot: 'b/n' }, { pid: 7, startTime: 8 }), network: 'load-lab-r1', bindAddress: '127.0.0.1' }
  it('carries labels, network, ports, volumes and no restart policy of its own', () => {
    const stack = stackOf('command: ["redis-server"]\nenvironment: { A: 1 }\nrestart: always\nvolumes: ["data:/data"]\nhealthcheck: { test: x }', 'volumes: { data: {} }')
    const config = containerConfig({ service: stack.services.s!, part: containerParts(stack, [])['s']!, replica: 2, image: 'img', published: { 6379: 20_001 } }, setting)
    expect(config).toMatchObject({
      name: 'load-lab-r1-s-2', Image: 'img', Cmd: ['redis-server'], Env: ['A=1'],
      Labels: { 'load-lab.run': 'r1', 'load-lab.owner': '7:8', 'load-lab.service': 's', 'load-lab.replica': '2' },
      HostConfig: { NetworkMode: 'load-lab-r1', PortBindings: { '6379/tcp': [{ HostIp: '127.0.0.1', HostPort: '20001' }] }, Binds: ['load-lab-r1-data:/data'], RestartPolicy: { Name: 'no' } },
      NetworkingConfig: { EndpointsConfig: { 'load-lab-r1': { Aliases: ['s'] } } },
    })
    expect(config.Healthcheck?.Interval, 'seldom: every check is a process').toBe(10_000_000_000)
  })
})

describe('whose is it', () => {
  const here = { host: 'h/m', boot: 'b1/n1' }
  const owner = { pid: 7, startTime: 8 }
  it.each<[string, Record<string, string>, boolean, string]>([
    ['a living lab', runLabels('r', here, owner), true, 'alive'],
    ['a dead lab', runLabels('r', here, owner), false, 'dead'],
    ['before the last boot', runLabels('r', { ...here, boot: 'b0/n1' }, owner), true, 'dead'],
    ['another process namespace of this machine', runLabels('r', { ...here, boot: 'b1/n2' }, owner), false, 'unknown'],
    ['another machine', runLabels('r', { host: 'other/m', boot: 'b1/n1' }, owner), false, 'unknown'],
    ['no owner', { [LABELS.run]: 'r', [LABELS.host]: here.host, [LABELS.boot]: here.boot }, false, 'unknown'],
    ['no labels', {}, false, 'unknown'],
  ])('%s', (_, labels, alive, fate) => {
    expect(fateOf(labels, here, ({ pid, startTime }) => alive && pid === 7 && startTime === 8)).toBe(fate)
  })
})

describe('figures', () => {
  it('memory without the cache of files, on cgroup v1 and v2', () => {
    const cpu_stats = { cpu_usage: { total_usage: 2_500_000_000 } }
    expect(usageOf({ cpu_stats, memory_stats: { usage: 900, stats: { total_rss: 100, total_mapped_file: 20, total_cache: 780, rss: 1 } }, pids_stats: { current: 3 } })).toEqual({ cpuSeconds: 2.5, rssBytes: 120, processes: 3 })
    expect(usageOf({ cpu_stats, memory_stats: { usage: 900, stats: { anon: 100, file_mapped: 20, file: 780 } }, pids_stats: { current: 3 } })).toEqual({ cpuSeconds: 2.5, rssBytes: 120, processes: 3 })
    expect(usageOf({}), 'a container that has just ended').toEqual({ cpuSeconds: 0, rssBytes: 0, processes: 0 })
  })

  it('a pull tells every tenth once, and never goes back', () => {
    const told: RuntimeEvent[] = []
    const step = pullProgress('image x', (event) => told.push(event))
    const layer = (id: string, current: number, total: number) => step({ id, status: 'Downloading', progressDetail: { current, total } })
    layer('a', 10, 100)
    layer('a', 15, 100)
    layer('b', 0, 900)
    layer('b', 500, 900)
    step({ id: 'a', status: 'Extracting', progressDetail: { current: 1, total: 1 } })
    step({ status: 'Pulling from x' })
    expect(told.map((event) => event.type === 'fetch' && event.done)).toEqual([10, 515])
  })
})

describe('small parts', () => {
  it.each([[0, { code: 0, signal: null }], [1, { code: 1, signal: null }], [137, { code: null, signal: 'SIGKILL' }], [143, { code: null, signal: 'SIGTERM' }], [255, { code: 255, signal: null }], [undefined, { code: null, signal: null }]])('exit code %s', (code, exit) => {
    expect(exitOf(code)).toEqual(exit)
  })

  it('a moment in seconds, with all its nanoseconds', () => {
    expect(unixTime('2026-11-21T18:07:05.123456789Z')).toBe('1795284425.123456789')
    expect(unixTime('2026-11-21T18:07:05.5Z')).toBe('1795284425.500000000')
    expect(unixTime('2026-11-21T18:07:05Z')).toBe('1795284425.000000000')
  })

  it('what a bundled module imports', () => {
    const code = `import{a}from"./chunk-1.js";\nimport {\n  b,\n  c\n} from "@scope/pkg/sub";\nimport "side";\nimport def, * as all from "x";\nexport {\n  d\n} from "./chunk-2.js";\nconst text = 'import "no"'\nawait import("./lazy.js"); import('y')\nimport { z } from "node:fs";`
    expect(importsOf(code).sort()).toEqual(['./chunk-1.js', './chunk-2.js', './lazy.js', '@scope/pkg/sub', 'node:fs', 'side', 'x', 'y'])
    expect(['@scope/pkg/sub', 'pg', 'pg/lib/x'].map(packageOf)).toEqual(['@scope/pkg', 'pg', 'pg'])
  })
})

describe('what an image is built on', () => {
  it.each<[string, string, Record<string, string>, string[]]>([
    ['as it stands there', 'FROM debian:12\nRUN true', {}, ['debian:12']],
    ['a variable by its default', 'ARG BASE=flink:2.0.0-java17\nFROM ${BASE}\nARG MAVEN=x', {}, ['flink:2.0.0-java17']],
    ['a variable that is given', 'ARG BASE="flink:2"\nfrom $BASE', { BASE: 'mirror:5000/flink:2' }, ['mirror:5000/flink:2']],
    ['stages: those of its own are none to pull', 'FROM --platform=linux/amd64 maven:3 AS jars\nFROM jars AS more\nFROM scratch\nFROM debian:12', {}, ['maven:3', 'debian:12']],
  ])('%s', (_, dockerfile, args, bases) => expect(basesOf(dockerfile, args)).toEqual(bases))

  it('a recipe has its context as a path, and nothing that is not supported', () => {
    expect(partOf('build: { context: images/x, network: host, args: { BASE: b } }').build).toEqual({ context: '/p/images/x', dockerfile: 'Dockerfile', network: 'host', args: { BASE: 'b' } })
    expect(partOf('build: ./y').build).toMatchObject({ context: '/p/y', args: {} })
    expect(() => partOf('build: { context: ., target: z }')).toThrow(/services\.s\.build: expected context and.*others are not supported/)
  })
})

describe('what an engine says of a full disk', () => {
  it.each([
    ['in its JSON', { reason: 'server error', message: '(HTTP code 500) server error', json: { message: 'write /x: no space left on device' } }],
    ['in the message alone, where the reply is a stream', { reason: 'server error', message: '(HTTP code 500) server error - write /x: no space left on device' }],
    ['in the middle of the progress', new Error('failed to register layer: write /x: no space left on device')],
  ])('%s', (_, error) => {
    expect(String(explained(error, 'pulling x'))).toMatch(/disk is full \(while pulling x\)/)
  })
})

describe('an engine\'s progress', () => {
  const followed = async (...steps: object[]): Promise<string[]> => {
    const seen: string[] = []
    await follow(new Docker(), Readable.from(steps.map((step) => Buffer.from(`${JSON.stringify(step)}\n`))), new AbortController().signal, ({ status }) => void (status && seen.push(status)))
    return seen
  }

  it('is read to its end', async () => {
    expect(await followed({ status: 'Downloading' }, { status: 'Extracting' })).toEqual(['Downloading', 'Extracting'])
  })

  it('ends in an error where a line of it is one', async () => {
    const said = 'failed to register layer: write /x: no space left on device'
    await expect(followed({ status: 'Extracting' }, { errorDetail: { message: said }, error: said })).rejects.toThrow(said)
  })
})
