/** The subscribers' process: steered like the injector (control.ts), it holds the sockets and tells what arrives on them. */
import { serveControl, type ControlServer } from './control-channel.ts'
import type { FromSubscribers, ToSubscribers } from './control.ts'
import { listen, type Listeners } from './listeners.ts'
import { selfUsage } from './self-usage.ts'

const SNAPSHOT_MS = 100

/** Takes over this process; resolves once it listens. */
export async function runSubscribers(): Promise<void> {
  const usage = selfUsage()
  let listeners: Listeners | undefined
  let reporting: NodeJS.Timeout | undefined

  const control: ControlServer<FromSubscribers> = await serveControl<ToSubscribers, FromSubscribers>(process.env, {
    connected: () => control.send({ type: 'ready', pid: process.pid }),
    message(message) {
      if (message.type === 'start') {
        if (listeners) control.send({ type: 'error', message: 'already has a plan; one process performs one' })
        listeners ??= listen(message.plan)
        reporting ??= setInterval(report, SNAPSHOT_MS)
      } else if (message.type === 'stop') void stop()
      else if (message.type === 'exit') void exit()
    },
    silence() {
      process.stderr.write('subscribers: nothing heard from the lab for 1 s, stopping\n')
      void exit()
    },
  })
  // Ctrl-C reaches the whole terminal; what happens then is the lab's to say.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => void exit())

  function report(): void {
    if (listeners) control.send(listeners.snapshot(usage.read()))
  }

  async function stop(): Promise<void> {
    clearInterval(reporting)
    report()
    await listeners?.stop()
    control.send({ type: 'done' })
  }

  async function exit(): Promise<void> {
    clearInterval(reporting)
    await listeners?.stop()
    await control.close()
    process.exit(0)
  }
}
