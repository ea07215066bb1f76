import { Unavailable } from '../../architecture.ts'
import type { Context } from '../../context.ts'
import { createPublisher as createRedisPublisher, type Publisher } from '../../publisher.ts'
import { createOrderStream } from './stream.ts'

/** Orders into the stream, unless they would pass `maxlen`. */
export function createPublisher(context: Context, maxlen: number): Publisher {
  const full = new Unavailable(`the backlog has reached maxlen (${maxlen} events), nothing was written`, 2)
  return createRedisPublisher(context, (redis) => {
    const stream = createOrderStream(redis)
    return async (records) => ((await stream.append(records, maxlen)) ? undefined : full)
  })
}
