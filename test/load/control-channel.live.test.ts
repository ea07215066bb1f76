import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { connectInjector } from '../../src/load/injector-client.ts'
import { connectSubscribers } from '../../src/load/subscribers-client.ts'
import { connectControl } from '../../src/load/control-channel.ts'
import { entries, startControlled } from '../../src/selftest/children.ts'

async function start(file: string) {
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'ignore'], env: { ...process.env, LAB_CONTROL_TOKEN: 'secret' } })
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const line = await new Promise<string>((resolve) => createInterface(child.stdout).once('line', resolve))
  return { port: (JSON.parse(line) as { control: number }).control, exited, [Symbol.dispose]: () => void child.kill('SIGKILL') }
}

test('only the token gets in, and only once', async () => {
  using injector = await start(entries().injector)
  const quiet = { message: () => {}, closed: () => {} }
  await expect(connectControl('injector', { port: injector.port, token: 'wrong' }, quiet)).rejects.toThrow(/401/)
  await using lab = await connectInjector({ port: injector.port, token: 'secret' })
  expect(lab.pid).toBeGreaterThan(0)
  await expect(connectControl('injector', { port: injector.port, token: 'secret' }, quiet)).rejects.toThrow(/401/)
})

test.each(['injector', 'subscribers'] as const)('the %s ends by itself within 2 s when the lab goes silent, also in the middle of its load', async (which) => {
  using child = await start(entries()[which])
  const port = 9
  const client = which === 'injector' ? await connectInjector({ port: child.port, token: 'secret' }) : await connectSubscribers({ port: child.port, token: 'secret' })
  if ('onLedger' in client) {
    client.start({
      baseUrl: `http://127.0.0.1:${port}`, path: '/', headers: {}, seed: 1, runTag: 1, injector: 0, startAtMs: Date.now(), customers: { commuter: 1 },
      phases: [{ name: 'c', durationMs: 60_000, shape: { kind: 'constant', rate: 100 } }], connections: 10, maxOpen: 100, timeoutMs: 60_000, retries: 0,
    })
  } else client.start({ url: `ws://127.0.0.1:${port}/`, headers: {}, count: 10, connectRate: 100 })
  await new Promise((resolve) => setTimeout(resolve, 300))
  // A lab whose loop hangs for good: no ping, no close.
  const hangUntil = performance.now() + 2_500
  while (performance.now() < hangUntil);
  expect(await child.exited).toBe(0)
  await client[Symbol.asyncDispose]()
  await expect(client.done).rejects.toMatchObject({ exitCode: 6, message: expect.stringMatching(/heard nothing of the lab for 1 s/) as string })
})

test('a plan that cannot be performed is an error of the lab, in words', async () => {
  await using child = await startControlled(entries().injector)
  await using injector = await connectInjector(child.target)
  injector.start({
    baseUrl: 'https://127.0.0.1:1', path: '/', headers: {}, seed: 1, runTag: 1, injector: 0, startAtMs: Date.now(), customers: { commuter: 1 },
    phases: [{ name: 'c', durationMs: 100, shape: { kind: 'constant', rate: 1 } }], connections: 1, maxOpen: 1, timeoutMs: 100, retries: 0,
  })
  await expect(injector.done).rejects.toThrow(/injector: baseUrl https:\/\/127.0.0.1:1: expected http:\/\//)
})
