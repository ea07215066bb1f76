import { expect, test } from 'vitest'
import { channel } from '../../src/experiment/channel.ts'

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const taken: T[] = []
  for await (const item of items) taken.push(item)
  return taken
}

test('what was pushed comes out in order, before and after somebody listens', async () => {
  const events = channel<number>()
  events.push(1)
  const taken = all(events)
  events.push(2)
  await Promise.resolve()
  events.push(3)
  events.close()
  expect(await taken).toEqual([1, 2, 3])
})

test('an error comes last', async () => {
  const events = channel<number>()
  events.push(1)
  events.close(new Error('broken'))
  const iterator = events[Symbol.asyncIterator]()
  expect((await iterator.next()).value).toBe(1)
  await expect(iterator.next()).rejects.toThrow('broken')
})

test('nothing is taken after the end', async () => {
  const events = channel<number>()
  events.close()
  events.push(1)
  expect(await all(events)).toEqual([])
})
