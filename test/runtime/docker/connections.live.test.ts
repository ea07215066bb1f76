import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createHash, randomInt } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { connectAnywhere } from '../../../src/runtime/docker/choose.ts'
import { onPath } from '../../../src/runtime/local/program.ts'
import { PATIENCE_MS, startEngine } from '../../docker/engine.ts'

/** Ways to one engine: TCP with TLS by variables and by a context, and ssh. */

const folder = mkdtempSync(join(tmpdir(), 'lab-test-'))
const port = randomInt(16_000, 30_000)
const ready = onPath('openssl') !== undefined && onPath('docker') !== undefined
if (ready) makeCertificates()
const started = ready
  ? await startEngine(['-H', `tcp://127.0.0.1:${port}`, '--tlsverify', '--tlscacert', join(folder, 'ca.pem'), '--tlscert', join(folder, 'server.pem'), '--tlskey', join(folder, 'server-key.pem')])
  : 'openssl or the docker command is missing'
const engine = typeof started === 'string' ? undefined : started
afterAll(async () => {
  await engine?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

function makeCertificates(): void {
  const openssl = (...words: string[]) => execFileSync('openssl', words, { cwd: folder, stdio: 'ignore' })
  openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'ca-key.pem', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=test')
  for (const [name, use] of [['server', 'serverAuth'], ['client', 'clientAuth']] as const) {
    writeFileSync(join(folder, 'ext'), `extendedKeyUsage=${use}\nsubjectAltName=IP:127.0.0.1\n`)
    openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', `${name}-key.pem`, '-out', `${name}.csr`, '-subj', `/CN=${name}`)
    openssl('x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca-key.pem', '-CAcreateserial', '-out', `${name}.pem`, '-days', '2', '-extfile', 'ext')
  }
  const certs = join(folder, 'certs')
  mkdirSync(certs)
  for (const [from, to] of [['ca', 'ca'], ['client', 'cert'], ['client-key', 'key']]) execFileSync('cp', [join(folder, `${from}.pem`), join(certs, `${to}.pem`)])
}

async function connected(env: Record<string, string>): Promise<string> {
  const names = ['DOCKER_HOST', 'DOCKER_TLS_VERIFY', 'DOCKER_CERT_PATH', 'DOCKER_CONTEXT', 'DOCKER_CONFIG', 'PATH', 'TEST_DOCKER_HOST']
  const before = Object.fromEntries(names.map((name) => [name, process.env[name]]))
  for (const name of names) if (name !== 'PATH') delete process.env[name]
  Object.assign(process.env, env)
  try {
    const { docker, version, reachAddress } = await connectAnywhere(new AbortController().signal)
    const { Images } = (await docker.info()) as { Images: number }
    return `${Number(version.split('.')[0]) >= 20 && Images > 0} ${reachAddress}`
  } finally {
    for (const name of names) {
      if (before[name] === undefined) delete process.env[name]
      else process.env[name] = before[name]
    }
  }
}

describe.skipIf(!engine)(`ways to an engine${typeof started === 'string' ? ` (skipped: ${started})` : ''}`, { timeout: PATIENCE_MS }, () => {
  const url = `tcp://127.0.0.1:${port}`
  const certs = join(folder, 'certs')

  test('TLS, by variables', async () => {
    expect(await connected({ DOCKER_HOST: url, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: certs })).toBe('true 127.0.0.1')
  })

  test('TLS, by a context', async () => {
    const id = createHash('sha256').update('far').digest('hex')
    const [meta, tls] = [join(folder, 'cfg/contexts/meta', id), join(folder, 'cfg/contexts/tls', id, 'docker')]
    for (const path of [meta, tls]) mkdirSync(path, { recursive: true })
    writeFileSync(join(meta, 'meta.json'), JSON.stringify({ Name: 'far', Endpoints: { docker: { Host: url, SkipTLSVerify: false } } }))
    execFileSync('cp', ['-r', `${certs}/.`, tls])
    expect(await connected({ DOCKER_CONFIG: join(folder, 'cfg'), DOCKER_CONTEXT: 'far' })).toBe('true 127.0.0.1')
  })

  test('without a certificate, or past an authority that is none: refused, with what to do', async () => {
    await expect(connected({ DOCKER_HOST: url })).rejects.toMatchObject({ exitCode: 3, message: expect.stringMatching(/no Docker engine answers at tcp:/) as string })
    const wrong = join(folder, 'wrong')
    execFileSync('cp', ['-r', certs, wrong])
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', '/dev/null', '-out', join(wrong, 'ca.pem'), '-days', '2', '-subj', '/CN=other'], { stdio: 'ignore' })
    await expect(connected({ DOCKER_HOST: url, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: wrong })).rejects.toMatchObject({ exitCode: 3, message: expect.stringMatching(/certificate/) as string })
    await expect(connected({ DOCKER_HOST: url, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/nowhere' })).rejects.toThrow(/TLS file.*\/nowhere\/ca\.pem/)
  })

  test('ssh, by the program of that name', async () => {
    // In its place one that goes nowhere: it drops what is for ssh itself, and runs the rest here.
    const bin = join(folder, 'bin')
    mkdirSync(bin)
    writeFileSync(join(bin, 'ssh'), '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift\n[ "$1" = build ] || { echo "no such host: $1" >&2; exit 255; }\nshift\nDOCKER_HOST=$TEST_DOCKER_HOST exec "$@"\n')
    chmodSync(join(bin, 'ssh'), 0o755)
    const env = { PATH: `${bin}:${process.env.PATH}`, TEST_DOCKER_HOST: `unix://${engine!.socket}` }
    expect(await connected({ ...env, DOCKER_HOST: 'ssh://me@build' })).toBe('true build')
    await expect(connected({ ...env, DOCKER_HOST: 'ssh://me@nowhere' })).rejects.toThrow(/ssh to nowhere ended with 255: no such host: nowhere/)
  })
})
