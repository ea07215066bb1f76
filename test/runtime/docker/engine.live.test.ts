import { execFile } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { LAB, lab } from '../../cli/lab-process.ts'

/** Whoever answers in an engine's place, or does not: what the lab says, and with which exit code. */

const folder = mkdtempSync(join(tmpdir(), 'lab-test-'))
const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
  rmSync(folder, { recursive: true, force: true })
})

const run = (DOCKER_HOST: string) => lab(['run', 'spike', '--arch', 'null', '--runtime', 'docker', '--results', folder], { DOCKER_HOST })

test('no engine: said, with the way out, exit code 3, nothing written', async () => {
  const { code, stderr } = await run(`unix://${folder}/none.sock`)
  expect(stderr).toBe(`lab: no Docker engine answers at unix://${folder}/none.sock (from DOCKER_HOST): there is no such socket\n     start it, or --runtime local, which needs no Docker\n`)
  expect(code).toBe(3)
  expect(existsSync(folder)).toBe(true)
})

test('an engine that is too old', async () => {
  const server = createServer((_, reply) => reply.setHeader('content-type', 'application/json').end('{"Version":"1.13.1","ApiVersion":"1.26"}'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  servers.push(server)
  const { code, stderr } = await run(`tcp://127.0.0.1:${(server.address() as AddressInfo).port}`)
  expect(stderr).toMatch(/is too old: 1\.13\.1 \(API 1\.26\)\n.*20\.10 \(API 1\.41\) or newer/)
  expect(code).toBe(3)
})

test('an engine that never answers', async () => {
  const server = createServer(() => undefined)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  servers.push(server)
  const { code, stderr } = await run(`tcp://127.0.0.1:${(server.address() as AddressInfo).port}`)
  expect(stderr).toMatch(/no Docker engine answers at tcp:.*: no answer within 5 s/)
  expect(code).toBe(3)
}, 30_000)

test('a socket that this user may not use: said, with who may, exit code 3', async () => {
  const own = mkdtempSync(join(tmpdir(), 'lab-test-'))
  const socket = join(own, 'docker.sock')
  const server = createServer(() => undefined)
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  servers.push(server)
  chmodSync(own, 0o755)
  chmodSync(socket, 0)
  // Nothing is forbidden to root: then it is nobody who asks.
  const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
  const env = { ...process.env, HOME: own, XDG_CACHE_HOME: own, DOCKER_HOST: `unix://${socket}` }
  const { code, stderr } = await new Promise<{ code: unknown; stderr: string }>((resolve) => {
    execFile(LAB, ['run', 'spike', '--arch', 'null', '--runtime', 'docker', '--results', join(own, 'results')], { ...user, env, cwd: own }, (error, _, said) => resolve({ code: error?.code, stderr: said }))
  })
  rmSync(own, { recursive: true })
  expect(stderr).toBe(`lab: no permission to use the Docker engine at unix://${socket}\n     become a member of the socket's group (\`ls -l\` shows it, often docker), or --runtime local, which needs no Docker\n`)
  expect(code).toBe(3)
})

test('an address that is none: exit code 2', async () => {
  const { code, stderr } = await run('localhost:2375')
  expect(stderr).toMatch(/DOCKER_HOST is "localhost:2375": it does not say how to connect\n.*tcp:\/\/host:port/)
  expect(code).toBe(2)
})
