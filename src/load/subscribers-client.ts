import { connectControl, type ControlTarget } from './control-channel.ts'
import type { FromSubscribers, SubscriberPlan, SubscriberSnapshot, ToSubscribers } from './control.ts'

/** The lab's side of the subscribers' process. Disposing tells it to exit. */
export interface SubscribersClient extends AsyncDisposable {
  readonly pid: number
  start(plan: SubscriberPlan): void
  /** Closes all sockets; `done` resolves when they are. */
  stop(): void
  onSnapshot(listener: (snapshot: SubscriberSnapshot) => void): void
  /** Rejects when the process reports an error or is gone before it was done. */
  readonly done: Promise<void>
}

export async function connectSubscribers(target: ControlTarget): Promise<SubscribersClient> {
  const ready = Promise.withResolvers<number>()
  const done = Promise.withResolvers<void>()
  // Whoever never starts a plan need not wait for its end.
  done.promise.catch(() => {})
  const listeners: ((snapshot: SubscriberSnapshot) => void)[] = []
  const control = await connectControl<FromSubscribers, ToSubscribers>('subscribers', target, {
    message(message) {
      if (message.type === 'snapshot') for (const listener of listeners) listener(message)
      else if (message.type === 'ready') ready.resolve(message.pid)
      else if (message.type === 'done') done.resolve()
      else done.reject(new Error(`subscribers: ${message.message}`))
    },
    closed(gone) {
      ready.reject(gone)
      done.reject(gone)
    },
  })
  return {
    pid: await ready.promise,
    start: (plan) => control.send({ type: 'start', plan }),
    stop: () => control.send({ type: 'stop' }),
    onSnapshot: (listener) => void listeners.push(listener),
    done: done.promise,
    async [Symbol.asyncDispose]() {
      control.send({ type: 'exit' })
      await control[Symbol.asyncDispose]()
    },
  }
}
