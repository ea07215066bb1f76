import { mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { installedPackages, parseUris } from '../../src/runtime/local/debian-packages.ts'
import { installedRabbitmq, isAtLeast, parseOsRelease } from '../../src/runtime/local/rabbitmq-binaries.ts'
import { applicationsIn, layOut, launchOf, settings } from '../../src/runtime/local/rabbitmq-node.ts'
import { checkCommand, loginOf } from '../../src/runtime/local/rabbitmq.ts'

let folder = ''
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'lab-test-'))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** A file, or a program, with its folders. */
function put(path: string, text = 'x', mode = 0o755): string {
  const file = join(folder, path)
  mkdirSync(join(file, '..'), { recursive: true })
  writeFileSync(file, text, { mode })
  return file
}

describe('what apt prints', () => {
  const lines = [
    `'http://deb.debian.org/debian/pool/main/e/erlang/erlang-base_25.2.3%2bdfsg-1_amd64.deb' erlang-base_1%3a25.2.3+dfsg-1_amd64.deb 9697280 SHA256:99ab`,
    `'http://deb.debian.org/debian/pool/main/r/rabbitmq-server/rabbitmq-server_3.10.8-1.1_all.deb' rabbitmq-server_3.10.8-1.1_all.deb 14930220 `,
    'NOTE: This is only a note',
    '',
  ]
  it('names packages with version and size', () => {
    expect(parseUris(lines.join('\n'))).toEqual([
      { name: 'erlang-base', version: '1:25.2.3+dfsg-1', bytes: 9_697_280 },
      { name: 'rabbitmq-server', version: '3.10.8-1.1', bytes: 14_930_220 },
    ])
  })
  it('may name none', () => expect(parseUris('Reading package lists...\n')).toEqual([]))
})

it("dpkg's list says what is installed", () => {
  const stanza = (name: string, status: string): string => `Package: ${name}\nStatus: ${status}\nDescription: about\n Package: not-this\n`
  const status = [stanza('libc6', 'install ok installed'), stanza('kept', 'hold ok installed'), stanza('gone', 'deinstall ok config-files'), stanza('half', 'install ok unpacked')].join('\n')
  expect([...installedPackages(status)]).toEqual(['libc6', 'kept'])
  expect([...installedPackages('')]).toEqual([])
})

it.each([
  ['3.10.8', true], ['3.9.13', false], ['3.8.9', false], ['4.0.5', true], ['3.12.1-rc.2', true], ['13.1.5', true], ['', false], ['three', false],
])('RabbitMQ %s is new enough: %s', (version, enough) => expect(isAtLeast(version, [3, 10])).toBe(enough))

it.each([
  ['ID=debian\nVERSION_ID="12"\n', 'debian-12'],
  ['NAME="Ubuntu"\nVERSION_ID="24.04"\nID=ubuntu\nID_LIKE=debian\n', 'ubuntu-24.04'],
  ['ID=arch\n', 'arch'],
  ['ID="../../etc"\n', 'linux'],
  ['', 'linux'],
])('the release of %j is %s', (text, release) => expect(parseOsRelease(text)).toBe(release))

it('an .app file says what an application needs', () => {
  expect(applicationsIn("{application, 'ra', [\n\t{applications, [kernel,stdlib,\n\t\tgen_batch_server, aten]},\n\t{included_applications, [seshat]},\n\t{env, [{x, [y]}]}\n]}.")).toEqual(['kernel', 'stdlib', 'gen_batch_server', 'aten', 'seshat'])
  expect(applicationsIn("{application, a, [{applications, []}]}.")).toEqual([])
})

describe('the service of the compose file', () => {
  it('has the user of the public image', () => {
    expect(loginOf({ environment: {} })).toEqual({ user: 'guest', password: 'guest', vhost: '/' })
    expect(loginOf({ environment: { RABBITMQ_DEFAULT_USER: 'a', RABBITMQ_DEFAULT_PASS: 'b', RABBITMQ_DEFAULT_VHOST: 'c' } })).toEqual({ user: 'a', password: 'b', vhost: 'c' })
  })
  it('runs rabbitmq-server or nothing', () => {
    for (const command of [[], ['rabbitmq-server']]) expect(() => checkCommand({ name: 'r', command })).not.toThrow()
    expect(() => checkCommand({ name: 'r', command: ['sh', '-c', 'x'] })).toThrow('service r: the local runtime can only run rabbitmq-server, not sh -c x')
  })
})

describe('settings', () => {
  it('hold any user and password as bytes: none can end its own term', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (user, password) => {
      const text = settings({ login: { user, password, vhost: '/' } })
      const terms = [...text.matchAll(/\{(default_\w+), <<([\d,]*)>>\}/g)].map((match) => [match[1], Buffer.from(match[2]!.split(',').filter(Boolean).map(Number)).toString()])
      expect(terms).toEqual([['default_user', Buffer.from(user).toString()], ['default_pass', Buffer.from(password).toString()], ['default_vhost', '/']])
      expect(text.replace(/<<[\d,]*>>/g, 'BYTES')).toMatch(/^\[\{rabbit, \[\{default_user, BYTES\}, [a-z0-9_{}[\], A-Z]+\]\}\]\.\n$/)
    }))
  })
})

describe('an installed RabbitMQ', () => {
  const install = (rabbit: string, erts: string): string => {
    put(`opt/rabbitmq/plugins/rabbit-${rabbit}/ebin/rabbit.app`, '{application, rabbit, [{applications, [kernel, ra]}]}.')
    put('opt/rabbitmq/plugins/ra-2.2.0/ebin/ra.app', '{application, ra, [{applications, [kernel]}]}.')
    put('opt/rabbitmq/plugins/rabbitmq_management-3.10.8/ebin/rabbitmq_management.app')
    put('opt/rabbitmq/plugins/README')
    for (const name of ['erlexec', 'beam.smp', 'erl_child_setup', 'inet_gethost']) put(`opt/erlang/erts-${erts}/bin/${name}`)
    put('opt/erlang/bin/start_sasl.boot')
    mkdirSync(join(folder, 'bin'))
    symlinkSync(put('opt/rabbitmq/sbin/rabbitmq-server'), join(folder, 'bin', 'rabbitmq-server'))
    symlinkSync(put('opt/erlang/bin/erl'), join(folder, 'bin', 'erl'))
    return join(folder, 'bin')
  }
  const found = (path: string): ReturnType<typeof installedRabbitmq> => installedRabbitmq(path, folder)

  it('is found by the PATH, where its programs really are', () => {
    expect(found(install('3.10.8', '13.1.5'))).toEqual({ version: '3.10.8', home: join(folder, 'opt/rabbitmq'), erlang: join(folder, 'opt/erlang'), erts: join(folder, 'opt/erlang/erts-13.1.5/bin') })
  })
  it.each([['3.9.13', '13.1.5'], ['3.10.8', '12.3']])('is left alone when it is too old (RabbitMQ %s, erts %s)', (rabbit, erts) => expect(found(install(rabbit, erts))).toBeUndefined())
  it('is found where Debian has it, behind a wrapper', () => {
    const bin = install('3.10.8', '13.1.5')
    rmSync(join(folder, 'opt/rabbitmq'), { recursive: true })
    put('usr/lib/rabbitmq/lib/rabbitmq_server-3.12.1/plugins/rabbit-3.12.1/ebin/rabbit.app')
    put('opt/rabbitmq/sbin/rabbitmq-server')
    expect(found(bin)).toMatchObject({ version: '3.12.1', home: join(folder, 'usr/lib/rabbitmq/lib/rabbitmq_server-3.12.1') })
  })
  it('is none without Erlang beside it', () => expect(found(put('empty/rabbitmq-server').replace(/\/[^/]+$/, ''))).toBeUndefined())

  it('is laid out with its own code and no plugin, and started as a virtual machine that nobody can reach but by its port', () => {
    const binaries = found(install('3.10.8', '13.1.5'))!
    const environment = { RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: ' -rabbit  consumer_timeout 5 ', RABBITMQ_NODENAME: 'other' }
    const node = { folder: join(folder, 'node'), host: '127.0.0.1', port: 4_711, login: loginOf({ environment }), environment }
    layOut(binaries, node)
    expect(readFileSync(join(folder, 'node/code/ra-2.2.0/ebin/ra.app'), 'utf8')).toContain('kernel')
    expect(() => readFileSync(join(folder, 'node/code/rabbitmq_management-3.10.8/ebin/rabbitmq_management.app'))).toThrow('ENOENT')
    const { file, args, env } = launchOf(binaries, node)
    expect(file).toBe(join(folder, 'node/erlang/erts-13.1.5/bin/erlexec'))
    expect(basename(readlinkSync(join(folder, 'node/erlang/erts-13.1.5/bin/erl'))), 'starts nothing, whoever asks for it').toBe('true')
    const line = args.join(' ')
    expect(line).toContain('-dist_listen false -start_epmd false')
    expect(line).toContain('-rabbit consumer_timeout 5 -s rabbit boot')
    expect(env).toMatchObject({ RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1', RABBITMQ_NODE_PORT: '4711', RABBITMQ_NODENAME: 'lab@localhost', ROOTDIR: join(folder, 'node/erlang'), BINDIR: join(folder, 'node/erlang/erts-13.1.5/bin') })
    for (const [name, value] of Object.entries(env)) if (/^RABBITMQ_.*(FILE|BASE|DIR)S?$/.test(name)) expect(value.startsWith(join(folder, 'node')), name).toBe(true)
  })
})
