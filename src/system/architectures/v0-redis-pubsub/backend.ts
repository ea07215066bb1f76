import { Readable } from 'node:stream'
import type { Backend } from '../../architecture.ts'
import type { Context } from '../../context.ts'
import { counter } from '../../metrics.ts'
import { createPublisher, type Append } from '../../publisher.ts'
import { channelOf, closeRedis, connectRedis } from '../../redis.ts'
import { RECORD_BYTES } from '../../record.ts'
import { orderChannel } from './channel.ts'
import { openOrderWriter, orderFile } from './file.ts'
import type { V0Knobs } from './knobs.ts'
import { CHANGES } from './names.ts'
import { createReaders } from './readers.ts'

/** Orders in one request of {@link SEED_PATH}, at most: while they are written, for some 80 ms, this process does nothing else. */
export const SEED_EVENTS = 20_000
export const PERSISTED_PATH = '/internal/persisted'
export const STORED_PATH = '/internal/stored'
export const SEED_PATH = '/internal/seed'

/** What one API replica of v0 holds: a connection to publish on, one to listen on, and threads that read the file. */
export function createBackend(context: Context<V0Knobs>): Backend {
  let unheard = 0
  counter('lab_events_unheard_total', 'Events that Redis took while nobody was subscribed: accepted, and lost.', () => unheard)
  const publisher = createPublisher(context, (redis): Append => {
    const channel = orderChannel(redis)
    return async (records) => {
      const subscribers = await channel.publish(records)
      if (subscribers === 0) unheard += records.length / RECORD_BYTES
      // Pub/Sub refuses nothing: who is not there has missed it.
      return undefined
    }
  })
  const readers = createReaders(context)
  const file = openOrderWriter(orderFile(context.dataFolder()), context.knobs.synchronous)
  const redis = connectRedis(context, 'api-listener')
  const listeners = new Set<() => void>()
  const tell = () => listeners.forEach((it) => it())
  redis.on('message', tell)
  redis.on('ready', () => {
    // Whatever was told while it was away is lost: look.
    redis.subscribe(channelOf(redis, CHANGES)).then(tell, () => {})
  })

  return {
    accepted: 202,
    publish: publisher.publish,
    ready: publisher.ready,
    dashboard: readers.dashboard,
    analytics: readers.analytics,
    onChange(listener) {
      listeners.add(listener)
      return { [Symbol.dispose]: () => void listeners.delete(listener) }
    },
    /** For judging and seeding alone: the file may be inside a container. */
    routes(app) {
      app.get(PERSISTED_PATH, (_request, reply) => {
        reply.type('application/octet-stream').send(Readable.from(readers.pages(), { objectMode: false }))
      })
      app.get(STORED_PATH, async () => ({ count: file.count() }))
      void app.register(async (scope) => {
        scope.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
        scope.post(SEED_PATH, { bodyLimit: SEED_EVENTS * RECORD_BYTES }, async (request) => {
          const { stored } = file.store(request.body as Buffer)
          tell()
          return { stored }
        })
      })
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([publisher[Symbol.asyncDispose](), readers[Symbol.asyncDispose](), closeRedis(redis)])
      file[Symbol.dispose]()
    },
  }
}
