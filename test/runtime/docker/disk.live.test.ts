import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { thingsOf } from '../../../src/runtime/docker/removal.ts'
import { lab } from '../../cli/lab-process.ts'
import { LONG, PATIENCE_MS, STAND_INS, startDockerd, startEngine, stopLast } from '../../docker/engine.ts'

/** An engine whose disk is full, for real: its data are on a small file system of their own, in memory. */

const DISK_MB = 700
/** Less than the layer that is pulled, or what the lab's image adds to its base. */
const LEFT_BYTES = 6_000_000
const LAYER_BYTES = 12_000_000

const started = LONG ? await startEngine() : 'only in npm run test:docker'
const engine = typeof started === 'string' ? undefined : started
const folder = mkdtempSync(join(tmpdir(), 'load-lab-disk-'))
const data = join(folder, 'data')
const docker = new Docker({ socketPath: join(folder, 'docker.sock') })
let mounted = false
afterAll(async () => {
  await stopLast(folder)
  if (mounted) execFileSync('umount', ['-l', data])
  await engine?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

/** All but a little is taken by a file. */
function fill(): void {
  const { bavail, bsize } = statfsSync(data)
  execFileSync('fallocate', ['-l', String(bavail * bsize - LEFT_BYTES), join(data, 'filler')])
}

/** A registry with one image of one layer. */
async function registry(): Promise<{ image: string } & Disposable> {
  // A tar of one file that does not compress: a header of 512 bytes is all it takes.
  const header = Buffer.alloc(512)
  header.write('filler')
  header.write('0000644\0', 100)
  header.write(`${LAYER_BYTES.toString(8).padStart(11, '0')}\0`, 124)
  header.write('        0', 148)
  const sum = header.reduce((all, byte) => all + byte, 0) - 48
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  header.write('0', 156)
  const tar = Buffer.concat([header, randomBytes(LAYER_BYTES), Buffer.alloc(2_048)])
  const layer = gzipSync(tar, { level: 1 })
  const digest = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`
  const config = Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', config: {}, rootfs: { type: 'layers', diff_ids: [digest(tar)] } }))
  const manifest = Buffer.from(JSON.stringify({
    schemaVersion: 2,
    mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
    config: { mediaType: 'application/vnd.docker.container.image.v1+json', size: config.length, digest: digest(config) },
    layers: [{ mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip', size: layer.length, digest: digest(layer) }],
  }))
  const server = createServer(({ url = '' }, reply) => {
    if (url.includes('/manifests/')) reply.writeHead(200, { 'content-type': 'application/vnd.docker.distribution.manifest.v2+json', 'docker-content-digest': digest(manifest), 'content-length': manifest.length }).end(manifest)
    else if (url.endsWith(digest(config))) reply.end(config)
    else if (url.endsWith(digest(layer))) reply.end(layer)
    else reply.writeHead(url === '/v2/' ? 200 : 404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    image: `127.0.0.1:${(server.address() as AddressInfo).port}/large:1`,
    [Symbol.dispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}

describe.skipIf(!engine)(`an engine whose disk is full${typeof started === 'string' ? ` (skipped: ${started})` : ''}`, { timeout: PATIENCE_MS }, () => {
  const env = { ...STAND_INS, DOCKER_HOST: `unix://${join(folder, 'docker.sock')}` }
  const run = (...more: [Record<string, string>?]) => lab(['run', 'spike', '--arch', 'v0', '--runtime', 'docker', '--results', join(folder, 'results')], { ...env, ...more[0] })

  beforeAll(async () => {
    mkdirSync(data)
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MB}m`, 'load-lab-test', data])
    mounted = true
    expect(await startDockerd(docker, folder)).toBeUndefined()
    for (const image of [STAND_INS.LAB_BASE_IMAGE, STAND_INS.LAB_REDIS_IMAGE]) {
      const stream = await docker.loadImage(await engine!.docker.getImage(image).get())
      await new Promise((resolve, reject) => docker.modem.followProgress(stream, (error) => (error ? reject(error) : resolve(undefined))))
    }
    fill()
  }, PATIENCE_MS)

  test('while the lab\'s image is built: said, with what to do, exit code 3, nothing left', async () => {
    const { code, stderr } = await run()
    expect(stderr).toMatch(/the Docker engine's disk is full \(while building load-lab:\w+\).*no space left on device[^]*docker system prune/)
    expect(code).toBe(3)
    expect(await thingsOf(docker)).toEqual([])
  })

  test('while an image is pulled: the same', async () => {
    using large = await registry()
    // Any image does in the place of the lab's own: it does not come so far that one is started.
    const { code, stderr } = await run({ LAB_IMAGE: STAND_INS.LAB_BASE_IMAGE, LAB_REDIS_IMAGE: large.image })
    expect(stderr).toMatch(/the Docker engine's disk is full \(while pulling 127\.0\.0\.1:\d+\/large:1\).*no space left on device[^]*docker system prune/)
    expect(code).toBe(3)
    expect(await thingsOf(docker)).toEqual([])
  })
})
