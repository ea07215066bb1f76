import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fifo } from '../../src/load/fifo.ts'
import { backoffUs, later } from '../../src/load/retries.ts'
import { openVisits, type Visit } from '../../src/load/visit.ts'

test('fifo is an array with push and shift', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.integer()), { maxLength: 200 }), (steps) => {
      const queue = fifo<number>()
      const model: number[] = []
      for (const step of steps) {
        if (step === null) expect(queue.shift()).toBe(model.shift())
        else {
          queue.push(step)
          model.push(step)
        }
        expect([queue.length, queue.peek()]).toEqual([model.length, model[0]])
      }
    }),
  )
})

test('open visits keep their order, whichever is taken out', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { maxLength: 100 }), (steps) => {
      const list = openVisits()
      const model: Visit[] = []
      for (const step of steps) {
        if (step < 12) {
          const visit = { before: undefined, after: undefined } as Visit
          list.add(visit)
          model.push(visit)
        } else if (model.length > 0) list.remove(model.splice(step % model.length, 1)[0]!)
        expect([list.length, list.oldest()]).toEqual([model.length, model[0]])
      }
      const walked: Visit[] = []
      for (let visit = list.oldest(); visit; visit = visit.after) walked.push(visit)
      expect(walked).toEqual(model)
    }),
  )
})

test('what is put off comes once, not early, and at most 10 ms late', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 3_000_000 }), { maxLength: 50 }), (times) => {
      const queue = later<number>()
      for (const atUs of times) queue.add(atUs, atUs)
      const came: number[] = []
      for (let nowUs = 0; nowUs <= 3_020_000; nowUs += 1_000) {
        for (const atUs of queue.due(nowUs)) {
          expect(nowUs).toBeGreaterThanOrEqual(atUs)
          expect(nowUs - atUs).toBeLessThanOrEqual(11_000)
          came.push(atUs)
        }
      }
      expect(came.sort((a, b) => a - b)).toEqual([...times].sort((a, b) => a - b))
      expect(queue.length).toBe(0)
    }),
  )
})

test('something put off into the past comes with the next look', () => {
  const queue = later<string>()
  queue.due(5_000_000)
  queue.add('late', 1_000_000)
  expect(queue.due(5_010_000)).toEqual(['late'])
})

test.each([
  ['the first: 100 ms', 1, 0, 0, 100_000],
  ['the third: 400 ms', 3, 0, 0, 400_000],
  ['up to half as much again at random', 1, 0, 0.5, 125_000],
  ['what the server asks for, if longer', 1, 2, 0, 2_000_000],
  ['our own, if longer', 6, 2, 0, 3_200_000],
])('backoff: %s', (_name, attempts, retryAfterS, random, expected) => {
  expect(backoffUs(attempts, retryAfterS, random)).toBe(expected)
})
