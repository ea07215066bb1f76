import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { packageRoot } from '../../src/runtime/entry.ts'
import { localConfig, prometheusBinaries } from '../../src/runtime/local/prometheus.ts'

/** The real tool of the real server reads what Prometheus will be given. */
const FOLDER = join(packageRoot, 'compose', 'observability')
const run = promisify(execFile)
const folder = mkdtempSync(join(tmpdir(), 'promtool-'))
let promtool = ''

beforeAll(async () => {
  promtool = (await prometheusBinaries({ marks: {}, signal: AbortSignal.timeout(100_000), onFetch: () => undefined })).promtool
})
afterAll(() => rmSync(folder, { recursive: true }))

test('configuration and rules are what Prometheus takes, in containers and on one machine', async () => {
  const local = join(folder, 'local.yaml')
  writeFileSync(local, localConfig(readFileSync(join(FOLDER, 'prometheus.yaml'), 'utf8'), '127.0.0.1:4318', join(FOLDER, 'alerts.yaml')))
  for (const file of [join(FOLDER, 'prometheus.yaml'), local]) {
    const { stdout } = await run(promtool, ['check', 'config', file])
    expect(stdout).toContain('4 rules found')
  }
})

/** Samples every 2 s. */
interface Case {
  alert: string
  says: string
  series: Record<string, string>
  labels: Record<string, string>
  summary: string
  severity: string
}

const EVENTS = (fate: string) => `lab_requests_total{kind="events",fate="${fate}",run="r"}`
const firing: Case[] = [
  { alert: 'ErrorRate', says: '2 of 100 events end badly', severity: 'critical', labels: {}, series: { [EVENTS('ok')]: '0+98x30', [EVENTS('unknown')]: '0+2x30' }, summary: '2% of the events end badly (limit 1 %)' },
  { alert: 'RefusedByApi', says: '1 of 10 requests is refused', severity: 'critical', labels: {}, series: { 'lab_events_accepted_total{service="api"}': '0+90x30', 'lab_requests_refused_total{service="api",status="503"}': '0+10x30' }, summary: 'the API refuses 10% of what it is sent (limit 1 %)' },
  { alert: 'Lag', says: 'the backlog is 150,000', severity: 'warning', labels: {}, series: { 'lab_backlog_events{run="r"}': '150000x30' }, summary: '150k events are accepted and not stored (limit 100,000)' },
  { alert: 'Lag', says: 'Kafka holds 200,000', severity: 'warning', labels: {}, series: { 'lab_kafka_lag_events{service="projector"}': '200000x30' }, summary: '200k events are accepted and not stored (limit 100,000)' },
  { alert: 'DatabaseCpu', says: 'postgres takes 1.8 of 2 cores', severity: 'warning', labels: { service: 'postgres' }, series: { 'lab_service_cpu_ratio{run="r",service="postgres"}': '1.8x30', 'lab_machine_cores{run="r"}': '2x30' }, summary: 'postgres uses 90% of all cores (limit 80 %)' },
]
const quiet: Pick<Case, 'alert' | 'says' | 'series'>[] = [
  { alert: 'ErrorRate', says: '1 of 200 events ends badly', series: { [EVENTS('ok')]: '0+199x30', [EVENTS('rejected')]: '0+1x30' } },
  { alert: 'ErrorRate', says: 'reads fail, not events', series: { [EVENTS('ok')]: '0+100x30', 'lab_requests_total{kind="reads",fate="unknown",run="r"}': '0+50x30' } },
  { alert: 'RefusedByApi', says: 'nothing is refused', series: { 'lab_events_accepted_total{service="api"}': '0+90x30' } },
  { alert: 'Lag', says: 'the backlog is at its limit', series: { 'lab_backlog_events{run="r"}': '100000x30' } },
  { alert: 'Lag', says: 'the backlog was long for 6 s', series: { 'lab_backlog_events{run="r"}': '0x20 150000x3 0x20' } },
  { alert: 'DatabaseCpu', says: 'postgres takes 1.5 of 2 cores, and the API all of them', series: { 'lab_service_cpu_ratio{run="r",service="postgres"}': '1.5x30', 'lab_service_cpu_ratio{run="r",service="api"}': '2x30', 'lab_machine_cores{run="r"}': '2x30' } },
]

describe('alerts', () => {
  test.each(firing)('$alert fires where $says', (one) => proven(one, [{ exp_labels: { severity: one.severity, ...one.labels }, exp_annotations: { summary: one.summary } }]))
  test.each(quiet)('$alert is silent where $says', (one) => proven(one, []))
})

async function proven({ alert, series }: Pick<Case, 'alert' | 'series'>, expected: object[]): Promise<void> {
  const file = join(folder, 'test.yaml')
  writeFileSync(file, stringify({
    rule_files: [join(FOLDER, 'alerts.yaml')],
    evaluation_interval: '2s',
    tests: [{ interval: '2s', input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })), alert_rule_test: [{ eval_time: '50s', alertname: alert, exp_alerts: expected }] }],
  }))
  const { stderr, stdout } = await run(promtool, ['test', 'rules', file]).catch((error: { stdout: string; stderr: string }) => ({ stdout: `${error.stdout} FAILED`, stderr: error.stderr }))
  expect(`${stdout}${stderr}`).toContain('SUCCESS')
}
