import { PassThrough } from 'node:stream'
import { finished } from 'node:stream/promises'
import type Docker from 'dockerode'

/** Runs a command inside a container. @returns its exit code and the first 64 KiB of its output */
export async function execIn(docker: Docker, container: Docker.Container, command: readonly string[], limitMs: number): Promise<{ code: number | null; text: string }> {
  const exec = await container.exec({ Cmd: [...command], AttachStdout: true, AttachStderr: true })
  const stream = await exec.start({ hijack: false, stdin: false })
  const output = new PassThrough()
  let text = ''
  output.on('data', (chunk: Buffer) => {
    if (text.length < 65_536) text += chunk.toString()
  })
  docker.modem.demuxStream(stream, output, output)
  const timer = setTimeout(() => stream.destroy(new Error(`no end within ${limitMs} ms`)), limitMs)
  try {
    await finished(stream, { writable: false })
  } finally {
    clearTimeout(timer)
  }
  return { code: (await exec.inspect()).ExitCode, text }
}
