import { describe, expect, test } from 'vitest'
import { fitting, LIMIT_BYTES } from '../../src/reports/job-summary.ts'
import { junitReport } from '../../src/reports/junit.ts'
import { markdownReport, shortReport } from '../../src/reports/markdown.ts'
import { openMetrics } from '../../src/reports/openmetrics.ts'
import { flowPicture, mermaid } from '../../src/reports/picture.ts'
import { summarise } from '../../src/reports/summarise.ts'
import { summaryJsonSchema, summarySchema } from '../../src/reports/summary-schema.ts'
import { table } from '../../src/reports/table.ts'
import { judge } from '../../src/reports/verdict.ts'
import { parseFormats } from '../../src/reports/write.ts'
import type { RunRecord } from '../../src/run/record.ts'
import { reduce } from '../../src/run/state.ts'
import { phaseRecord, runRecord, sampleAt, STARTED } from './records.ts'

/** With the verdict that its events make. */
function judged(record: RunRecord): RunRecord {
  return { ...record, state: reduce(record.state, { atMs: 5_000, type: 'judged', verdict: judge(record) }) }
}

const WORST: Record<string, RunRecord> = {
  'a good run': judged(runRecord({ accounting: { freshnessMs: { p50: 100, p95: 150, p99: 200, max: 300, count: 9 } } })),
  'lost events': judged(runRecord({ accounting: { lost: 2, lossWindows: [{ service: 'redis' }], examples: { lost: ['id-1', 'id-2'], duplicated: [], phantom: [], unexpected: [], altered: [] } } })),
  'gaps everywhere': judged(runRecord({ phases: [phaseRecord({ samples: [sampleAt(1, { backlog: undefined, stored: undefined, injector: undefined, services: {} }), sampleAt(2)] })] })),
  'ended before the load': judged(runRecord({ phases: [], samples: [], injected: undefined, watched: undefined })),
  'aborted': { ...runRecord(), state: reduce(runRecord().state, { atMs: 5_000, type: 'run-ended', status: 'aborted', exitCode: 130, why: 'interrupted' }) },
  'a fault, leaks and history': judged(
    runRecord({
      accounting: { leaked: 1, guests: 4, examples: { lost: [], duplicated: [], phantom: [], unexpected: [], altered: [], leaked: ['id of a, stored for b'] }, history: { orders: 10, stored: 9, lost: 1, duplicated: 0, altered: 0, examples: { lost: ['h1'], duplicated: [], altered: [] } }, miscounted: [{ figure: 'count', expected: 1, shown: 2 }] },
      events: [
        { type: 'fault-injected', fault: 'kill', service: 'worker', replica: 1, forMs: 3_000 },
        { type: 'trespassed', attempts: 40, leaks: [{ tried: 'a <token>', leaked: '"all"' }] },
        { type: 'scaled', service: 'api', from: 1, to: 2, says: 'CPU' },
        { type: 'seeded', orders: 10, days: 30, seconds: 1, perSecond: 10 },
      ],
    }),
  ),
}

describe('summary.json', () => {
  test.each(Object.entries(WORST))('%s: fits its schema, as it is read back', (_name, record) => {
    expect(summarySchema.safeParse(JSON.parse(JSON.stringify(summarise(record)))).error?.issues ?? []).toEqual([])
  })

  test('what nobody described is found', () => {
    const summary = { ...summarise(WORST['a good run']!), surprise: 1 }
    expect(summarySchema.safeParse(summary).success).toBe(false)
    expect(summarySchema.safeParse({ ...summary, surprise: undefined, seed: 'x' }).success).toBe(false)
  })

  test('docs/summary.schema.json is the schema (vitest -u makes it again)', async () => {
    await expect(`${JSON.stringify(summaryJsonSchema(), null, 2)}\n`).toMatchFileSnapshot('../../docs/summary.schema.json')
  })
})

/** Every element of an XML text with its attributes; throws where tags do not match. */
function parseXml(xml: string): { name: string; attributes: Record<string, string>; text: string }[] {
  const found: { name: string; attributes: Record<string, string>; text: string }[] = []
  const open: string[] = []
  for (const [, close, name, attributes, selfClosed, text] of xml.replace(/^<\?xml[^>]*\?>/, '').matchAll(/<(\/?)([\w-]+)((?: [\w-]+="[^"<>]*")*)(\/?)>([^<>]*)/g)) {
    if (close === '/') {
      if (open.pop() !== name) throw new Error(`</${name}> closes nothing`)
      continue
    }
    if (selfClosed === '') open.push(name!)
    found.push({ name: name!, attributes: Object.fromEntries([...attributes!.matchAll(/ ([\w-]+)="([^"]*)"/g)].map(([, key, value]) => [key!, value!])), text: text! })
  }
  if (open.length > 0) throw new Error(`<${open.at(-1)}> is never closed`)
  return found
}

describe('junit.xml', () => {
  const outcomes = (record: RunRecord) => {
    const elements = parseXml(junitReport(record, summarise(record)))
    const at = (index: number) => elements.slice(index + 1).find(({ name }) => name !== 'property')?.name ?? ''
    return new Map(elements.flatMap(({ name, attributes }, index) => (name === 'testcase' ? [[attributes['name']!, ['failure', 'error', 'skipped'].includes(at(index)) ? at(index) : 'passed'] as const] : [])))
  }

  test.each(Object.entries(WORST))('%s: tags match, and the sums are right', (_name, record) => {
    const elements = parseXml(junitReport(record, summarise(record)))
    const count = (name: string) => elements.filter((one) => one.name === name).length
    expect(elements[0]!.attributes).toMatchObject({ tests: String(count('testcase')), failures: String(count('failure')), errors: String(count('error')), skipped: String(count('skipped')) })
  })

  test('a case for every expectation, every wrong, every check', () => {
    const found = outcomes(WORST['a good run']!)
    expect(found.get('time to drain the backlog (s) at most 30')).toBe('passed')
    expect(found.get('no event is lost')).toBe('passed')
    expect(found.get('send lag in hold')).toBe('passed')
    expect([...found.values()].filter((outcome) => outcome === 'failure' || outcome === 'error')).toEqual([])
  })

  test('lost events are a failure that names them', () => {
    expect(outcomes(WORST['lost events']!).get('no event is lost')).toBe('failure')
    expect(junitReport(WORST['lost events']!, summarise(WORST['lost events']!))).toContain('2 lost:\nid-1\nid-2')
  })

  test('loss that the guarantee allows is none', () => {
    const record = runRecord({ accounting: { lost: 2, lostExcused: 2 } })
    record.run = { ...STARTED, guarantee: { level: 'at-most-once', says: '', mayLose: { after: ['redis'], says: 'some' } } }
    expect(outcomes(judged(record)).get('no event is lost beyond what the guarantee allows')).toBe('passed')
  })

  test('a run without a verdict is an error; what was not looked at is skipped', () => {
    const found = outcomes({ ...WORST['aborted']!, state: { ...WORST['aborted']!.state, accounting: undefined } })
    expect([found.get('comes to a verdict'), found.get('every event is accounted for')]).toEqual(['error', 'skipped'])
  })

  test('leaks, history and figures of the dashboard have cases of their own', () => {
    const found = outcomes(WORST['a fault, leaks and history']!)
    for (const name of ['no event is stored for somebody else', 'history is as it was written', 'the dashboard shows what is stored', 'every border between callers holds']) expect(found.get(name)).toBe('failure')
  })

  test('what a service printed cannot break it', () => {
    const nasty = 'a <b> & "c" \u0000\u001b[31m\ud800 ]]>'
    const record = runRecord({ events: [{ type: 'run-ended', status: 'failed', exitCode: 4, why: nasty }] })
    const text = junitReport(record, summarise(record))
    expect(text).toContain('a &lt;b&gt; &amp; &quot;c&quot; ??[31m\ufffd ]]&gt;')
    expect(() => parseXml(text)).not.toThrow()
  })
})

describe('OpenMetrics', () => {
  const text = (record: RunRecord) => openMetrics(record, summarise(record))
  const timed = judged(runRecord({ samples: [1, 2, 3].map((second) => ({ ...sampleAt(second, { metrics: { lab_cache_hits_total: 3, 'no-name': 1 } }), atMs: 1_795_000_000_000 + second * 1_000 })) }))

  test('families together, samples in order, a mark at the end', () => {
    const lines = text(timed).split('\n')
    expect(lines.slice(-2)).toEqual(['# EOF', ''])
    expect(lines).toContain('lab_service_cpu_ratio{run="r1",service="postgres"} 0.3 1795000002.000')
    expect(lines).toContain('lab_requests_total{run="r1",kind="events",fate="ok"} 300 1795000003.000')
    expect(lines).toContain('lab_inside_cache_hits_per_second{run="r1"} 3 1795000001.000')
    expect(lines.some((line) => line.includes('no-name'))).toBe(false)
    const families = lines.flatMap((line) => /^# TYPE (\S+)/.exec(line)?.[1] ?? [])
    expect(new Set(families).size).toBe(families.length)
    const ownerOf = lines.reduce<[string, string][]>((all, line) => (line.startsWith('# TYPE') ? [...all, [line.split(' ')[2]!, '']] : line.startsWith('#') || line === '' ? all : [...all.slice(0, -1), [all.at(-1)![0], line]]), [])
    for (const [family, line] of ownerOf) expect(line === '' || line.startsWith(family)).toBe(true)
  })

  test('labels are escaped', () => {
    const record = { ...timed, run: { ...timed.run, machine: { ...timed.run.machine, cpuModel: 'a "b" \\ c\nd' } } }
    expect(text(record)).toContain('cpu="a \\"b\\" \\\\ c\\nd"')
  })

  test.each(Object.entries(WORST))('%s', (_name, record) => {
    expect(text(record)).toMatch(/# EOF\n$/)
    expect(text(record)).not.toMatch(/NaN|undefined|Infinity/)
  })
})

describe('the picture', () => {
  const at = (flow: string) => {
    const record = { ...WORST['a good run']!, run: { ...STARTED, flow } }
    const summary = { ...summarise(record), resources: Object.fromEntries(['api', 'redis', 'worker', 'postgres', 'replica'].map((name) => [name, { meanCpu: 0.5, maxCpu: 1, maxRssBytes: 1, replicas: name === 'api' ? 2 : 1 }])) }
    return flowPicture(record, summary)
  }

  test('what was accepted leaves the API, what was stored enters the store, what was seen reaches the subscribers', () => {
    const { boxes, arrows } = at('HTTP ─▶ Redis Stream (202) ─▶ worker, batched ─▶ PostgreSQL ─▶ Redis projection ─▶ dashboard')
    expect(boxes.map(({ title }) => title)).toEqual(['injector', 'HTTP', 'Redis Stream (202)', 'worker, batched', 'PostgreSQL', 'Redis projection', 'dashboard', '20 subscribers'])
    expect(arrows).toHaveLength(boxes.length - 1)
    expect(arrows.map((figures) => figures.map((figure) => /offered|accepted|stored|visible/.exec(figure)?.[0]).filter(Boolean).join())).toEqual(['offered', 'accepted', '', 'stored', '', '', 'visible'])
  })

  test('every service once: where the flow first names it, else beside it', () => {
    const { boxes, beside } = at('HTTP ─▶ Redis Stream (202) ─▶ worker, batched ─▶ PostgreSQL ─▶ Redis projection ─▶ dashboard')
    expect(boxes.map(({ figures }) => figures.join())).toEqual(['', 'api: 2 × 0.50 cores', '0.50 cores', '0.50 cores', '0.50 cores', '', '', ''])
    expect(beside.map(({ title }) => title)).toEqual(['replica'])
  })

  test('brokers and servers by number are at the step that names the first of them', () => {
    const record = { ...WORST['a good run']!, run: { ...STARTED, flow: 'HTTP ─▶ Kafka (202) ─▶ Flink SQL (taskmanager) ─▶ PostgreSQL' } }
    const resources = Object.fromEntries(['kafka', 'kafka-2', 'kafka-3', 'taskmanager', 'jobmanager'].map((name) => [name, { meanCpu: 0.5, maxCpu: 1, maxRssBytes: 1, replicas: 1 }]))
    const { boxes, beside } = flowPicture(record, { ...summarise(record), resources })
    expect(boxes.slice(2, 4).map(({ figures }) => figures)).toEqual([['kafka: 0.50 cores', 'kafka-2: 0.50 cores', 'kafka-3: 0.50 cores'], ['0.50 cores']])
    expect(beside.map(({ title }) => title)).toEqual(['jobmanager'])
  })

  test.each([
    ['the store right after the API', 'HTTP ─▶ PostgreSQL (commit, then 201) ─▶ cron aggregator ─▶ Redis ─▶ dashboard', 1],
    ['a flow that names no store has nothing stored on it', 'HTTP ─▶ void ─▶ dashboard', -1],
    ['arrows as ASCII', 'HTTP -> memory --> dashboard', 1],
  ])('%s', (_name, flow, stored) => {
    expect(at(flow).arrows.findIndex((figures) => figures.some((figure) => figure.includes('stored')))).toBe(stored)
  })

  test('Mermaid: a node a box, an arrow between neighbours, nothing that would end a label', () => {
    const text = mermaid({ boxes: [{ title: 'a "b" <c>', figures: ['1 #2'] }, { title: 'd', figures: [] }], arrows: [['9/s']], beside: [{ title: 'e', figures: [] }] })
    expect(text.split('\n')).toEqual(['flowchart LR', '  n0["a #quot;b#quot; #lt;c#gt;<br/>1 #35;2"]', '  n1["d"]', '  n0 -->|"9/s"| n1', '  subgraph beside["also running"]', '    b0["e"]', '  end'])
  })
})

describe('report.md', () => {
  test.each(Object.entries(WORST))('%s: has the picture, and no figure that is none', (_name, record) => {
    const text = markdownReport(record, summarise(record))
    expect(text).toContain('```mermaid\nflowchart LR')
    expect(text).not.toMatch(/undefined|NaN|Infinity/)
  })

  test('a cell holds what it is given', () => {
    expect(table(['a'], [['x | y\nz']], 1).split('\n').at(-1)).toBe('| x \\| y z |')
  })
})

describe('the job summary', () => {
  test('the answer, short', () => {
    const record = WORST['a good run']!
    const text = shortReport(record, summarise(record))
    expect(text).toMatch(/^## A spike[^]*\*\*PASSED\*\*[^]*## Phases side by side[^]*## Expectations/)
    expect(text.length).toBeLessThan(markdownReport(record, summarise(record)).length)
  })

  test('never more than GitHub takes, in whole lines', () => {
    const long = `${'é'.repeat(50)}\n`.repeat(20_000)
    const cut = fitting(long, LIMIT_BYTES)
    expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(LIMIT_BYTES)
    expect(cut).toMatch(/é{50}\n\n\(There was not room for more\.\)\n$/)
    expect(fitting('short', 100)).toBe('short\n\n')
    expect(fitting('longer', 3)).toBe('')
  })
})

test('formats by name', () => {
  expect(parseFormats('md, html,md')).toEqual(['md', 'html'])
  expect(parseFormats('md,all')).toBe('all')
  expect(() => parseFormats('pdf,md')).toThrow('there is no format "pdf"')
})
