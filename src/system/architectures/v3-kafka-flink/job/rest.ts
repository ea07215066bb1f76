/** JSON over HTTP, as Flink's JobManager and its SQL gateway speak it. */
export interface Rest {
  get<T>(path: string): Promise<T>
  post<T>(path: string, body: object): Promise<T>
  delete(path: string): Promise<void>
  patch(path: string): Promise<void>
}

/** It answered, and said no. */
export class Refused extends Error {
  override name = 'Refused'
  readonly status: number
  /** All that it said. */
  readonly answer: string
  constructor(question: string, status: number, answer: string) {
    super(`${question}: ${status} ${gist(answer)}`)
    this.status = status
    this.answer = answer
  }
}

/** @param withinMs how long an answer may take */
export function restAt({ host, port }: { host: string; port: number }, signal: AbortSignal, withinMs = 5_000): Rest {
  async function ask(method: string, path: string, body?: object): Promise<string> {
    const reply = await fetch(`http://${host}:${port}${path}`, {
      method,
      signal: AbortSignal.any([signal, AbortSignal.timeout(withinMs)]),
      ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    })
    const text = await reply.text()
    if (!reply.ok) throw new Refused(`${method} ${path}`, reply.status, text)
    return text
  }
  return {
    get: async <T>(path: string) => JSON.parse(await ask('GET', path)) as T,
    post: async <T>(path: string, body: object) => JSON.parse(await ask('POST', path, body)) as T,
    delete: async (path) => void (await ask('DELETE', path)),
    patch: async (path) => void (await ask('PATCH', path)),
  }
}

/** Of an error with all its stack traces the causes alone. */
export function gist(text: string): string {
  const causes = [...text.matchAll(/Caused by: ((?:[^\\\n]|\\[^n])+)/g)].map((match) => match[1]!.trim())
  const deepest = causes.at(-1) ?? text
  return deepest.length > 500 ? `${deepest.slice(0, 500)} …` : deepest
}
