import { spawn, type ChildProcess } from 'node:child_process'
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { WebSocket } from 'ws'

/** A Chromium of this machine; `undefined` where there is none. */
export const CHROMIUM = ['chromium', 'chromium-browser', 'google-chrome'].flatMap((name) => (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, name))).find(isExecutable)

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

export interface Page extends AsyncDisposable {
  /** Evaluates in the page; resolves with its value. */
  evaluate<T>(expression: string): Promise<T>
  send(method: string, params?: object): Promise<Record<string, unknown>>
  /** What the page wrote to its console as an error, and what it asked the network for. */
  complaints: string[]
  requests: string[]
}

/** Opens a page in a browser of its own, by Chromium's own protocol. */
export async function openPage(url: string, { width, height }: { width: number; height: number }): Promise<Page> {
  const profile = mkdtempSync(join(tmpdir(), 'load-lab-browser-'))
  const child = spawn(CHROMIUM!, ['--headless', '--no-sandbox', '--disable-gpu', '--remote-debugging-port=0', `--user-data-dir=${profile}`, 'about:blank'], { stdio: ['ignore', 'ignore', 'pipe'] })
  const stop = async () => {
    await ended(child)
    rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }
  try {
    const socket = new WebSocket(await pageSocket(await debuggerUrl(child)))
    await once(socket, 'open')
    const page = protocol(socket)
    await page.send('Page.enable')
    await page.send('Runtime.enable')
    await page.send('Log.enable')
    await page.send('Network.enable')
    await page.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: width < 600 })
    await page.send('Page.navigate', { url })
    return { ...page, async [Symbol.asyncDispose]() { socket.terminate(); await stop() } }
  } catch (error) {
    await stop()
    throw error
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

async function debuggerUrl(child: ChildProcess): Promise<URL> {
  for await (const line of createInterface({ input: child.stderr! })) {
    const found = /DevTools listening on (ws:\S+)/.exec(line)
    if (found !== null) return new URL(found[1]!)
  }
  throw new Error('the browser ended before it listened')
}

async function pageSocket({ host }: URL): Promise<string> {
  const targets = (await (await fetch(`http://${host}/json/list`)).json()) as { type: string; webSocketDebuggerUrl: string }[]
  return targets.find(({ type }) => type === 'page')!.webSocketDebuggerUrl
}

function protocol(socket: WebSocket): Omit<Page, keyof AsyncDisposable> {
  const waiting = new Map<number, (message: { result?: Record<string, unknown>; error?: { message: string } }) => void>()
  const complaints: string[] = []
  const requests: string[] = []
  let next = 0
  socket.on('message', (text: Buffer) => {
    const message = JSON.parse(text.toString()) as { id?: number; method?: string; params?: Record<string, unknown>; result?: Record<string, unknown> }
    if (message.id !== undefined) waiting.get(message.id)?.(message)
    else if (message.method === 'Runtime.exceptionThrown' || message.method === 'Log.entryAdded') complaints.push(JSON.stringify(message.params))
    else if (message.method === 'Network.requestWillBeSent') requests.push((message.params!['request'] as { url: string }).url)
  })
  const send: Page['send'] = (method, params = {}) =>
    new Promise((resolve, reject) => {
      const id = next++
      waiting.set(id, ({ result, error }) => (error === undefined ? resolve(result ?? {}) : reject(new Error(`${method}: ${error.message}`))))
      socket.send(JSON.stringify({ id, method, params }))
    })
  return {
    send,
    complaints,
    requests,
    async evaluate<T>(expression: string) {
      const { result, exceptionDetails } = (await send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })) as { result: { value: T }; exceptionDetails?: { text: string; exception?: { description?: string } } }
      if (exceptionDetails !== undefined) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
      return result.value
    },
  }
}
