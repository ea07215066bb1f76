import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { askedRuntime } from '../../../src/runtime/docker/choose.ts'
import { findEndpoint, type Surroundings } from '../../../src/runtime/docker/endpoint.ts'

/** A machine with these variables and files. */
function machine(env: Record<string, string>, files: Record<string, unknown> = {}): Surroundings {
  return {
    env,
    home: '/home/me',
    exists: (path) => Object.hasOwn(files, path),
    read: (path) => (Object.hasOwn(files, path) ? (typeof files[path] === 'string' ? files[path] : JSON.stringify(files[path])) : undefined),
  }
}

const id = (name: string): string => createHash('sha256').update(name).digest('hex')
const context = (name: string, host: string, more: object = {}, folder = '/home/me/.docker') => ({
  [`${folder}/contexts/meta/${id(name)}/meta.json`]: { Name: name, Endpoints: { docker: { Host: host, ...more } } },
})

describe('which engine', () => {
  it.each<[string, Surroundings, object | undefined]>([
    ['none at all', machine({}), undefined],
    ['the usual socket', machine({}, { '/var/run/docker.sock': '' }), { kind: 'unix', path: '/var/run/docker.sock' }],
    ["Docker Desktop's", machine({}, { '/home/me/.docker/run/docker.sock': '' }), { kind: 'unix', path: '/home/me/.docker/run/docker.sock' }],
    ['a rootless one', machine({ XDG_RUNTIME_DIR: '/run/user/7' }, { '/run/user/7/docker.sock': '' }), { kind: 'unix', path: '/run/user/7/docker.sock' }],
    ['DOCKER_HOST, a socket', machine({ DOCKER_HOST: 'unix:///tmp/x.sock' }, { '/var/run/docker.sock': '' }), { kind: 'unix', path: '/tmp/x.sock' }],
    ['DOCKER_HOST, a socket without a path', machine({ DOCKER_HOST: 'unix://' }), { kind: 'unix', path: '/var/run/docker.sock' }],
    ['plain TCP', machine({ DOCKER_HOST: 'tcp://build' }), { kind: 'tcp', host: 'build', port: 2375 }],
    ['TCP on a port', machine({ DOCKER_HOST: 'tcp://build:4711' }), { kind: 'tcp', host: 'build', port: 4711 }],
    ['TCP to an IPv6 address', machine({ DOCKER_HOST: 'tcp://[::1]:4711' }), { kind: 'tcp', host: '::1', port: 4711 }],
    ['TLS', machine({ DOCKER_HOST: 'tcp://build', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/certs' }), { kind: 'tcp', host: 'build', port: 2376, tls: { ca: '/certs/ca.pem', cert: '/certs/cert.pem', key: '/certs/key.pem', verify: true } }],
    ['TLS without checking', machine({ DOCKER_HOST: 'tcp://build:99', DOCKER_TLS: '1' }), { kind: 'tcp', host: 'build', port: 99, tls: { ca: '/home/me/.docker/ca.pem', cert: '/home/me/.docker/cert.pem', key: '/home/me/.docker/key.pem', verify: false } }],
    ['ssh', machine({ DOCKER_HOST: 'ssh://me@build:2222' }), { kind: 'ssh', host: 'build', port: 2222, user: 'me' }],
    ['ssh by a name of ~/.ssh/config', machine({ DOCKER_HOST: 'ssh://build' }), { kind: 'ssh', host: 'build' }],
    ['the context in use', machine({}, { '/home/me/.docker/config.json': { currentContext: 'far' }, ...context('far', 'tcp://far:2375'), '/var/run/docker.sock': '' }), { kind: 'tcp', host: 'far', port: 2375 }],
    ['the context called default is none', machine({}, { '/home/me/.docker/config.json': { currentContext: 'default' }, '/var/run/docker.sock': '' }), { kind: 'unix', path: '/var/run/docker.sock' }],
    ['DOCKER_CONTEXT before the one in use', machine({ DOCKER_CONTEXT: 'near' }, { '/home/me/.docker/config.json': { currentContext: 'far' }, ...context('near', 'unix:///near.sock') }), { kind: 'unix', path: '/near.sock' }],
    ['DOCKER_HOST before every context', machine({ DOCKER_HOST: 'unix:///a.sock', DOCKER_CONTEXT: 'near' }), { kind: 'unix', path: '/a.sock' }],
    ['DOCKER_CONFIG', machine({ DOCKER_CONFIG: '/cfg' }, { '/cfg/config.json': { currentContext: 'far' }, ...context('far', 'ssh://far', {}, '/cfg') }), { kind: 'ssh', host: 'far' }],
    [
      'a context with TLS files',
      machine({ DOCKER_CONTEXT: 'far' }, { ...context('far', 'tcp://far:2376'), [`/home/me/.docker/contexts/tls/${id('far')}/docker/ca.pem`]: '', [`/home/me/.docker/contexts/tls/${id('far')}/docker/cert.pem`]: '' }),
      { kind: 'tcp', host: 'far', port: 2376, tls: { ca: `/home/me/.docker/contexts/tls/${id('far')}/docker/ca.pem`, cert: `/home/me/.docker/contexts/tls/${id('far')}/docker/cert.pem`, verify: true } },
    ],
    ['a broken config.json is none', machine({}, { '/home/me/.docker/config.json': '{', '/var/run/docker.sock': '' }), { kind: 'unix', path: '/var/run/docker.sock' }],
  ])('%s', (_, from, transport) => {
    expect(findEndpoint(from)?.transport).toEqual(transport)
  })

  it.each([
    [machine({ DOCKER_HOST: 'build:2375' }), /DOCKER_HOST is "build:2375": it does not say how to connect/],
    [machine({ DOCKER_HOST: 'ftp://build' }), /there is no way ftp/],
    [machine({ DOCKER_HOST: 'tcp://' }), /it names no host/],
    [machine({ DOCKER_CONTEXT: 'gone' }), /there is no Docker context "gone", which DOCKER_CONTEXT names/],
    [machine({}, { '/home/me/.docker/config.json': { currentContext: 'gone' } }), /"gone", which \/home\/me\/\.docker\/config\.json names/],
  ])('what makes no sense is refused', (from, says) => {
    expect(() => findEndpoint(from)).toThrow(says)
  })
})

it('the runtime asked for: the option, else LAB_RUNTIME', () => {
  expect(askedRuntime(undefined, {})).toBeUndefined()
  expect(askedRuntime('docker', { LAB_RUNTIME: 'local' })).toBe('docker')
  expect(askedRuntime(undefined, { LAB_RUNTIME: 'local' })).toBe('local')
  expect(askedRuntime(undefined, { LAB_RUNTIME: '' })).toBeUndefined()
  expect(() => askedRuntime(undefined, { LAB_RUNTIME: 'podman' })).toThrow('LAB_RUNTIME podman: there is no such runtime')
})
