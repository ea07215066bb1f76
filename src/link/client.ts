import type { Toxic } from './toxic.ts'

/** The link to one service, as those who break it see it. */
export interface Link {
  /** Disposing heals. */
  add(toxic: Toxic): Promise<AsyncDisposable>
}

/** It is on the same machine or one hop away, and does little else. */
const ANSWERS_WITHIN_MS = 5_000

/** @param url of its control, as soon as it has one */
export function linkAt(service: string, url: () => string, token: string): Link {
  async function ask(method: 'POST' | 'DELETE', path: string, body?: Toxic): Promise<unknown> {
    const reply = await fetch(`${url()}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, connection: 'close' },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(ANSWERS_WITHIN_MS),
    }).catch((error: unknown) => {
      throw new Error(`the proxy in front of ${service} does not answer (${(error as Error).message})`)
    })
    const text = await reply.text()
    if (!reply.ok) throw new Error(`the proxy in front of ${service} refused ${method} ${path}: ${reply.status} ${text}`)
    return text === '' ? undefined : JSON.parse(text)
  }
  return {
    async add(toxic) {
      const { id } = (await ask('POST', '/toxics', toxic)) as { id: number }
      return {
        async [Symbol.asyncDispose]() {
          await ask('DELETE', `/toxics/${id}`)
        },
      }
    },
  }
}
