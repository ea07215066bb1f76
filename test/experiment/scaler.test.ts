import { expect, test } from 'vitest'
import { autoscaleRules } from '../../src/experiment/autoscale.ts'
import { scaler } from '../../src/experiment/scaler.ts'
import { sampleAt } from '../reports/records.ts'

const rules = autoscaleRules({ autoscale: 'on' }, ['api']).map((rule) => ({ ...rule, upAfterS: 0, cooldownS: 0 }))
const busy = sampleAt(1, { services: { api: { cpu: 1.8, rssBytes: 1, replicas: 2 } } })

test('one change at a time, told when it is done', async () => {
  const asked: [string, number][] = []
  const told: unknown[] = []
  const done = Promise.withResolvers<void>()
  const { look, stop } = scaler(rules, { scale: (...change) => { asked.push(change); return done.promise } }, (event) => told.push(event))
  look(busy)
  look(busy)
  expect(asked).toEqual([['api', 4]])
  expect(told).toEqual([])
  done.resolve()
  await new Promise((resolve) => setImmediate(resolve))
  expect(told).toEqual([expect.objectContaining({ type: 'scaled', service: 'api', from: 2, to: 4 })])
  stop()
  look(busy)
  expect(asked).toHaveLength(1)
})

test('a change that fails is a note, unless the system is being taken down', async () => {
  const told: unknown[] = []
  const failing = scaler(rules, { scale: () => Promise.reject(new Error('no room')) }, (event) => told.push(event))
  failing.look(busy)
  await new Promise((resolve) => setImmediate(resolve))
  expect(told).toEqual([{ type: 'note', level: 'warning', says: 'api could not be scaled from 2 to 4: no room' }])
  failing.look(busy)
  failing.stop()
  await new Promise((resolve) => setImmediate(resolve))
  expect(told).toHaveLength(1)
})
