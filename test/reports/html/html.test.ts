import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { pageData } from '../../../src/reports/html/chart-data.ts'
import { csvOf, csvOfSpectrum } from '../../../src/reports/html/csv.ts'
import { htmlReport } from '../../../src/reports/html/html.ts'
import type { PageData } from '../../../src/reports/html/page-data.ts'
import { proseHtml } from '../../../src/reports/html/prose.ts'
import { summarise } from '../../../src/reports/summarise.ts'
import { judge } from '../../../src/reports/verdict.ts'
import type { RunRecord } from '../../../src/run/record.ts'
import { reduce } from '../../../src/run/state.ts'
import { latencies, NO_COUNTS, phaseRecord, runRecord, sampleAt } from '../records.ts'

const ASSETS = { script: 'let x = "</script>"', style: 'body{}' }

function page(record: RunRecord): string {
  const judged = { ...record, state: reduce(record.state, { atMs: 5_000, type: 'judged', verdict: judge(record) }) }
  return htmlReport(judged, summarise(judged), ASSETS)
}

const dataIn = (html: string) => JSON.parse(gunzipSync(Buffer.from(/id="data">([^<]*)</.exec(html)![1]!, 'base64')).toString()) as PageData
const values = (data: PageData, chart: string, name: string) => data.charts.find(({ id }) => id === chart)?.series.find((one) => one.name === name)?.values

describe('the page', () => {
  test('needs nothing from anywhere, and lets no program run but its own', () => {
    const html = page(runRecord())
    expect(html).not.toMatch(/(?:src|href)=|https?:|@import|url\(/)
    const program = /<script>([^]*?)<\/script>/.exec(html)![1]!
    expect(html).toContain(`script-src 'sha256-${createHash('sha256').update(program).digest('base64')}'`)
    expect(html).toContain("default-src 'none'")
  })

  test('the words of report.md, without its text charts', () => {
    const html = page(runRecord())
    for (const words of ['<strong>PASSED</strong>', 'Phases side by side', 'What became of every event', './lab run spike --arch v2', 'Can it be believed?']) expect(html).toContain(words)
    expect(html).not.toContain('┤')
  })

  test('what a service printed stays text', () => {
    const nasty = '<img src=x onerror=alert(1)> [click](javascript:alert(2)) ![x](http://evil) </script><script>alert(3)</script>'
    const record = runRecord({ events: [{ type: 'note', level: 'info', says: nasty }, { type: 'run-ended', status: 'failed', exitCode: 4, why: nasty }] })
    const html = page({ ...record, run: { ...record.run, flow: `HTTP ─▶ ${nasty}`, knobs: { batch: nasty } } })
    expect(html.match(/<script/g)).toHaveLength(2)
    expect(html).not.toMatch(/<img|<a |href=|alert\(3\)<\/script>\n<script>alert/)
    expect(html).toContain('&lt;img src=x onerror=alert(1)&gt;')
  })

  test('a run that ended before the load makes a page, too', () => {
    expect(dataIn(page(runRecord({ phases: [], samples: [], injected: undefined, watched: undefined })))).toMatchObject({ seconds: [], charts: [], spectra: [] })
  })
})

describe('its data', () => {
  const timed = [1, 2, 3].map((second) => ({
    ...sampleAt(second, { latency: { p50: 1.23456789, p95: 2, p99: 3, max: 4, count: 9 }, counts: { events: { ...NO_COUNTS, rejected: second * 10 }, reads: NO_COUNTS }, ...(second === 2 && { backlog: undefined }) }),
    atMs: 1_000 + second * 1_000,
  }))
  const record = runRecord({
    samples: timed,
    phases: [phaseRecord({ name: 'warmup', measured: false, beganAtMs: 1_000, seconds: 1 }), phaseRecord({ beganAtMs: 2_000, seconds: 2 })],
    events: [{ type: 'load-planned', startAtMs: 1_000 }],
  })
  const faulty = reduce(reduce(record.state, { atMs: 2_500, type: 'fault-injected', fault: 'kill', service: 'worker', replica: 1 }), { atMs: 3_000, type: 'fault-healed', fault: 'kill', service: 'worker', replica: 1, tookMs: 100 })
  const data = dataIn(page({ ...record, state: faulty }))

  test('every sample, in seconds of the load', () => {
    expect(data.seconds).toEqual([1, 2, 3])
    expect(values(data, 'latency', 'p50')).toEqual([1.23457, 1.23457, 1.23457])
    expect(values(data, 'failures', 'rejected')).toEqual([10, 10, 10])
  })

  test('what was not measured is a gap, and a series of nothing is left out', () => {
    expect(values(data, 'cpu', 'postgres')).toEqual([0.3, 0.3, 0.3])
    expect(data.charts.some(({ id }) => id === 'backlog' || id === 'freshness' || id === 'reads')).toBe(false)
    const some = pageData({ ...record, samples: timed.map((sample, i) => ({ ...sample, backlog: i === 1 ? undefined : 5 })) })
    expect(values(some, 'backlog', 'backlog')).toEqual([5, null, 5])
  })

  test('bands of phases and faults', () => {
    expect(data.phases).toEqual([{ label: 'warmup', from: 0, to: 1, faint: true }, { label: 'hold', from: 1, to: 3 }])
    expect(data.faults).toEqual([{ label: 'kill worker', from: 1.5, to: 2 }])
  })

  test('the spectrum knows one in a hundred only of a hundred', () => {
    const histograms = { latency: latencies(...Array.from({ length: 100 }, (_, i) => (i + 1) * 1_000)) }
    const [spectrum] = pageData(runRecord({ phases: [phaseRecord({ histograms })] })).spectra
    const at = (oneIn: number) => spectrum!.series[0]!.valuesMs[spectrum!.oneIn.indexOf(oneIn)]
    expect([at(10), at(100), at(1_000)]).toEqual([expect.closeTo(90, 0), expect.closeTo(99, 0), null])
  })

  test('a day of seconds is thinned to what a page can hold', () => {
    const long = Array.from({ length: 86_400 }, (_, i) => ({ ...sampleAt(i), services: {}, atMs: i * 1_000 }))
    expect(pageData({ ...record, samples: long }).seconds.length).toBeLessThanOrEqual(14_400)
  })

  test('CSV: a row a sample, a column a series, gaps empty', () => {
    const chart = { id: 'x', title: 'A', unit: 'ms', series: [{ name: 'p "50"', values: [1, null] }, { name: 'n', unit: '', values: [0, 2.5] }] }
    expect(csvOf({ ...data, seconds: [1, 2] }, [chart])).toBe('second,"A: p ""50"" (ms)","A: n"\n1,1,0\n2,,2.5\n')
    expect(csvOfSpectrum({ id: 'x', title: 'x', oneIn: [1, 10, 100], series: [{ name: 'hold', valuesMs: [1, 2, null] }] })).toBe('percentile,"hold (ms)"\n0.0000000,1\n90.000000,2\n99.000000,\n')
  })
})

test('prose: tables may be wider than the page', () => {
  expect(proseHtml('| a |\n| --- |\n| b |')).toMatch(/^<div class="wide"><table>[^]*<\/table><\/div>/)
})
