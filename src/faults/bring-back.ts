import { once } from 'node:events'

/** Waits until it is back, or until the whole system is about to go down: then nothing is brought up again, nor waited for. */
export async function bringBack(back: () => Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  const coming = back()
  const done = new AbortController()
  try {
    await Promise.race([coming, once(signal, 'abort', { signal: done.signal })])
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    done.abort()
    coming.catch(() => undefined)
  }
}
