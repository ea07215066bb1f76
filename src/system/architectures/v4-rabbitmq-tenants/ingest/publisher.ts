import type { Backend } from '../../../architecture.ts'
import type { Context } from '../../../context.ts'
import type { Order } from '../../../event.ts'
import { createPublisher as createRabbitPublisher } from '../../../rabbitmq/publisher.ts'
import type { V4Knobs } from '../knobs.ts'
import { BROKER_ACCOUNT, shardQueue } from '../names.ts'
import { toMessage, type Owner } from './message.ts'
import { assertQueues, shardOf } from './queues.ts'

/** In whose name: what an API key stands for, and the Idempotency-Key of the request. */
export type Sender = Owner & { idempotencyKey?: string | undefined }

export interface Publisher extends AsyncDisposable {
  /** All of them in one message, into the queue of their workspace's shard. */
  publish(orders: readonly Order[], sender: Sender): Promise<void>
  ready: Backend['ready']
}

export function createPublisher(context: Context<Pick<V4Knobs, 'queue' | 'queueLimit' | 'shards'>>): Publisher {
  const { knobs } = context
  const publisher = createRabbitPublisher(context, BROKER_ACCOUNT, (channel) => assertQueues(channel, knobs))
  return {
    async publish(orders, sender) {
      const message = toMessage(orders, sender, sender.idempotencyKey)
      await publisher.publish({ ...message, queue: shardQueue(shardOf(sender.workspace, knobs.shards)), messageId: orders[0]!.id, events: orders.length })
      context.failpoint('after-publish')
    },
    ready: publisher.ready,
    [Symbol.asyncDispose]: () => publisher[Symbol.asyncDispose](),
  }
}
