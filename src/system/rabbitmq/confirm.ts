import type { ConfirmChannel, Message, Options } from 'amqplib'

/** RabbitMQ refused it (its queue is full): it was not written. */
export class Nacked extends Error {
  override name = 'Nacked'
}

/** What amqplib's callback of a publish says, in our words; undefined: confirmed. */
export function problemOf(error: unknown): Error | undefined {
  if (error === null || error === undefined) return undefined
  if (error instanceof Error && error.message === 'message nacked') return new Nacked('RabbitMQ refused it')
  return error instanceof Error ? error : new Error(String(error))
}

let sequence = 0

/** Publishes one message to a queue and resolves once it is there for good; rejects when RabbitMQ refused it, knows no such queue, or was lost. */
export function publishConfirmed(channel: ConfirmChannel, queue: string, content: Buffer, options: Options.Publish): Promise<void> {
  const correlationId = `confirmed-${++sequence}`
  let returned = false
  const onReturn = ({ properties }: Message): void => { returned ||= properties.correlationId === correlationId }
  channel.on('return', onReturn)
  return new Promise<void>((resolve, reject) => {
    channel.publish('', queue, content, { ...options, correlationId, persistent: true, mandatory: true }, (error: unknown) => {
      const problem = problemOf(error) ?? (returned ? new Error(`there is no queue ${queue}`) : undefined)
      if (problem === undefined) resolve()
      else reject(problem)
    })
  }).finally(() => channel.off('return', onReturn))
}
