import { expect, test } from 'vitest'
import { lokiBody } from '../../src/experiment/loki.ts'

test('lines as Loki takes them: a stream a replica, times in nanoseconds as text', () => {
  const lines = [
    { atMs: 1_700_000_000_001, service: 'api', replica: 1, line: 'ready' },
    { atMs: 1_700_000_000_002, service: 'api', replica: 2, line: 'ready "too"' },
    { atMs: 1_700_000_000_003, service: 'api', replica: 1, line: 'stopping' },
  ]
  expect(JSON.parse(lokiBody(lines, 'r1'))).toEqual({
    streams: [
      { stream: { job: 'load-lab', run: 'r1', service: 'api', replica: '1' }, values: [['1700000000001000000', 'ready'], ['1700000000003000000', 'stopping']] },
      { stream: { job: 'load-lab', run: 'r1', service: 'api', replica: '2' }, values: [['1700000000002000000', 'ready "too"']] },
    ],
  })
})
