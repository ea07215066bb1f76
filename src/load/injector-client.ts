import { connectControl, type ControlTarget } from './control-channel.ts'
import type { FromInjector, InjectorSnapshot, LedgerPatch, LoadPlan, ToInjector } from './control.ts'

/** The lab's side of one injector. Disposing tells the process to exit. */
export interface InjectorClient extends AsyncDisposable {
  readonly pid: number
  start(plan: LoadPlan): void
  /** No more arrivals; `done` follows once what is open is answered or given up. */
  stop(): void
  /** Listeners get every snapshot and ledger patch from the start on, if set before `start`. */
  onSnapshot(listener: (snapshot: InjectorSnapshot) => void): void
  onLedger(listener: (patch: LedgerPatch) => void): void
  /**
   * Resolves after the last snapshot and ledger patch; `invalid` holds reasons why the load cannot be believed.
   * Rejects when the injector reports an error or is gone before it was done.
   */
  readonly done: Promise<{ invalid: string[] }>
}

export async function connectInjector(target: ControlTarget): Promise<InjectorClient> {
  const ready = Promise.withResolvers<number>()
  const done = Promise.withResolvers<{ invalid: string[] }>()
  // Whoever never starts a plan need not wait for its end.
  done.promise.catch(() => {})
  const snapshotListeners: ((snapshot: InjectorSnapshot) => void)[] = []
  const ledgerListeners: ((patch: LedgerPatch) => void)[] = []

  const control = await connectControl<FromInjector, ToInjector>('injector', target, {
    message(message) {
      if (message.type === 'snapshot') for (const listener of snapshotListeners) listener(message)
      else if (message.type === 'ledger') for (const listener of ledgerListeners) listener(message)
      else if (message.type === 'ready') ready.resolve(message.pid)
      else if (message.type === 'done') done.resolve({ invalid: message.invalid })
      else done.reject(new Error(`injector: ${message.message}`))
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
    onSnapshot: (listener) => void snapshotListeners.push(listener),
    onLedger: (listener) => void ledgerListeners.push(listener),
    done: done.promise,
    async [Symbol.asyncDispose]() {
      control.send({ type: 'exit' })
      await control[Symbol.asyncDispose]()
    },
  }
}
