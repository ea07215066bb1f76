import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { composeFiles } from '../../src/experiment/plan.ts'
import { observingEnv, observingFiles } from '../../src/experiment/observing.ts'
import { containersOnly, readComposeFiles, readStack, withAddresses, without } from '../../src/runtime/compose.ts'
import { containerParts } from '../../src/runtime/docker/container-part.ts'
import { packageRoot } from '../../src/runtime/entry.ts'
import { localConfig } from '../../src/runtime/local/prometheus.ts'
import { renderMetrics, startProcessMetrics } from '../../src/system/metrics.ts'
import { architectures } from '../../src/system/architectures/index.ts'

const FOLDER = join(packageRoot, 'compose', 'observability')
const DASHBOARDS = join(FOLDER, 'grafana', 'dashboards')
const read = (...path: string[]) => readFileSync(join(FOLDER, ...path), 'utf8')

interface Panel {
  title: string
  datasource: { type: string; uid: string }
  targets: { expr?: string; query?: string }[]
}
const dashboards = readdirSync(DASHBOARDS).map((file) => ({ file, ...(JSON.parse(read('grafana', 'dashboards', file)) as { uid: string; panels: Panel[] }) }))
const rules = (parse(read('alerts.yaml')) as { groups: { rules: { alert: string; expr: string }[] }[] }).groups.flatMap((group) => group.rules)

/** Every name that the program tells a metric by: in the source, as the first argument of who makes it, or as a family's name. */
function namesInCode(): Set<string> {
  const names = new Set<string>()
  const walk = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) walk(path)
      else if (path.endsWith('.ts')) for (const name of namesIn(readFileSync(path, 'utf8'))) names.add(name)
    }
  }
  for (const folder of ['src/system', 'src/reports']) walk(join(packageRoot, folder))
  return names
}

function namesIn(source: string): string[] {
  const made = [...source.matchAll(/(?:counter|counterBy|gauge)\(\s*'(lab_\w+)'/g), ...source.matchAll(/name: '(lab_\w+_total)'/g)].map((it) => it[1]!)
  const families = [...source.matchAll(/name: '(lab_\w+)', type: '(gauge|counter)'/g)].map((it) => `${it[1]}${it[2] === 'counter' ? '_total' : ''}`)
  return [...made, ...families]
}

describe('what dashboards and rules ask for is told by somebody', () => {
  const known = namesInCode()
  const asked = [
    ...rules.map(({ alert, expr }) => [`alert ${alert}`, expr] as const),
    ...dashboards.flatMap(({ file, panels }) => panels.filter(({ datasource }) => datasource.type === 'prometheus').flatMap(({ title, targets }) => targets.map(({ expr = '' }) => [`${file}: ${title}`, expr] as const))),
  ]
  test.each(asked)('%s', async (_, expr) => {
    startOnce()
    const names = [...expr.matchAll(/\b(?:lab|process|nodejs)_\w+/g)].map(([name]) => name)
    expect(names).not.toEqual([])
    const ofTheProcess = await renderMetrics()
    expect(names.filter((name) => !known.has(name) && !ofTheProcess.includes(`\n${name}`))).toEqual([])
  })
})

let started = false
function startOnce(): void {
  if (!started) startProcessMetrics()
  started = true
}

test('every panel asks a source that is provisioned', () => {
  const sources = (parse(read('grafana', 'provisioning', 'datasources', 'load-lab.yaml')) as { datasources: { uid: string; type: string }[] }).datasources
  for (const { panels } of dashboards) for (const { datasource } of panels) expect(sources).toContainEqual(expect.objectContaining(datasource))
})

describe.each(Object.keys(architectures))('%s with the overlay', (id) => {
  const architecture = async () => (await architectures[id as keyof typeof architectures]()).architecture
  const filesOf = async () => readComposeFiles([...composeFiles((await architecture()) as never), ...observingFiles(true)])

  test('in containers: every long-running service of ours sends its spans to the collector, and is found by Prometheus', async () => {
    const files = await filesOf()
    const stack = readStack(files, withAddresses(observingEnv('docker', 50), {}))
    const ours = Object.values(stack.services).filter(({ provider, oneShot, name }) => provider === 'node' && !oneShot && name !== 'collector')
    const scraped = (parse(read('prometheus.yaml')) as { scrape_configs: { dns_sd_configs?: { names: string[]; port: number }[] }[] }).scrape_configs.flatMap((it) => it.dns_sd_configs ?? [])
    for (const { name, environment } of ours) {
      expect(environment).toMatchObject({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318', OTEL_TRACES_SAMPLER_ARG: '0.02', METRICS_PORT: String(scraped[0]!.port) })
      expect(scraped[0]!.names).toContain(name)
    }
    expect(stack.services.collector!.environment.LAB_FORWARD_OTLP).toBe('http://tempo:4318')
    expect(Object.keys(containerParts(stack, files.map(({ path }) => path)))).toEqual(expect.arrayContaining(['prometheus', 'grafana', 'loki', 'tempo']))
  })

  test('as processes: the collector is where its port is, and what is only an image is left out', async () => {
    const files = await filesOf()
    const stack = without(readStack(files, withAddresses(observingEnv('local', 50), { OTLP_HOST: '127.0.0.1', OTLP_PORT: '20001' })), new Set(containersOnly(files)))
    expect(stack.services.api!.environment.OTEL_EXPORTER_OTLP_ENDPOINT).toBe('http://127.0.0.1:20001')
    expect(stack.services.collector!.environment.LAB_FORWARD_OTLP).toBe('')
    expect(Object.keys(stack.services)).not.toEqual(expect.arrayContaining(['grafana']))
    expect(stack.order).toContain('prometheus')
  })

  test('without it nothing is traced', async () => {
    const stack = readStack(readComposeFiles(composeFiles((await architecture()) as never)), {})
    for (const { environment } of Object.values(stack.services)) expect(environment.OTEL_EXPORTER_OTLP_ENDPOINT ?? '').toBe('')
  })
})

test('images have exact tags and a variable each', () => {
  const images = [...readFileSync(observingFiles(true)[0]!, 'utf8').matchAll(/image: (\S+)/g)].map((it) => it[1])
  for (const image of images) expect(image).toMatch(/^\$\{LAB_([A-Z]+_)?IMAGE:-[\w./-]+:(v?\d+\.\d+\.\d+|dev)\}$/)
})

test('one machine: processes are asked of the collector, the run is told by it', () => {
  const config = parse(localConfig(read('prometheus.yaml'), '127.0.0.1:7', '/x/alerts.yaml')) as { rule_files: string[]; scrape_configs: unknown[] }
  expect(config.rule_files).toEqual(['/x/alerts.yaml'])
  expect(config.scrape_configs).toEqual([
    { job_name: 'services', metrics_path: '/metrics', http_sd_configs: [{ url: 'http://127.0.0.1:7/targets', refresh_interval: '5s' }] },
    { job_name: 'run', honor_labels: true, static_configs: [{ targets: ['127.0.0.1:7'], labels: { service: 'collector' } }] },
  ])
})
