import { expect, it } from 'vitest'
import { deathSentences, howItDied, lastWords } from '../../src/reports/deaths.ts'

const OOM = [
  '<--- Last few GCs --->',
  'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory',
  '----- Native stack trace -----',
  ' 1: 0x931db0  [node]',
  ' 2: 0x75968e node::OOMErrorHandler(char const*, v8::OOMDetails const&) [node]',
  '10: 0x19c77d1  [node]',
]
const death = { service: 'aggregator', code: null, signal: 'SIGABRT', willRestart: true, lastLines: OOM }

it('says how, and why when it can be seen', () => {
  expect(howItDied(death)).toBe('SIGABRT, out of memory')
  expect(howItDied({ ...death, lastLines: ['ready', 'stopping'] })).toBe('SIGABRT')
  expect(howItDied({ code: 7, signal: null, lastLines: [] })).toBe('exit code 7')
})

it('says what happened again once, and how often', () => {
  const other = { ...death, service: 'worker', signal: null, code: 1, lastLines: [] }
  expect(deathSentences([death, other, death, death, { ...death, willRestart: false }])).toEqual([
    'aggregator died by itself (SIGABRT, out of memory) and was restarted, 3 times',
    'worker died by itself (exit code 1) and was restarted',
    'aggregator died by itself (SIGABRT, out of memory)',
  ])
  expect(deathSentences([])).toEqual([])
})

it('leaves the frames of a native stack out of the last words', () => {
  expect(lastWords(OOM)).toEqual(OOM.slice(0, 2))
})
