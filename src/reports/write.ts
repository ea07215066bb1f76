import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { EXIT, LabError } from '../run/errors.ts'
import { readRecord, type RunRecord } from '../run/record.ts'
import type { SearchState } from '../run/state.ts'
import { pageAssets } from './html/assets.ts'
import { htmlReport } from './html/html.ts'
import { junitReport } from './junit.ts'
import { markdownReport } from './markdown.ts'
import { openMetrics } from './openmetrics.ts'
import { searchReport } from './search-report.ts'
import { summariseSearch } from './search-summary.ts'
import { summarise, type Summary } from './summarise.ts'

type Renderer = (record: RunRecord, summary: Summary) => string | Promise<string>

const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`

/** Every form that a run can be told in, by the name that `--format` knows it by. */
export const FORMATS = {
  json: { file: 'summary.json', render: (_record, summary) => json(summary) },
  md: { file: 'report.md', render: markdownReport },
  html: { file: 'report.html', render: async (record, summary) => htmlReport(record, summary, await pageAssets()) },
  junit: { file: 'junit.xml', render: junitReport },
  openmetrics: { file: 'metrics.om.txt', render: openMetrics },
} satisfies Record<string, { file: string; render: Renderer }>

export type Format = keyof typeof FORMATS

const ALL = Object.keys(FORMATS) as Format[]
/** What every run leaves behind. */
export const USUAL: readonly Format[] = ['json', 'md', 'html', 'junit']
/** A search has no load of its own: all others are told by its probes. */
const OF_SEARCHES: readonly Format[] = ['json', 'md']

/** `md,html` or `all`. Throws {@link LabError} (exit code 2) that names those there are. */
export function parseFormats(text: string): Format[] | 'all' {
  const names = text.split(',').map((name) => name.trim())
  if (names.includes('all')) return 'all'
  const unknown = names.filter((name) => !Object.hasOwn(FORMATS, name))
  if (unknown.length > 0) throw new LabError(EXIT.usage, `there is no format ${unknown.map((name) => JSON.stringify(name)).join(', ')}`, `there are: ${ALL.join(', ')}, all`)
  return [...new Set(names as Format[])]
}

/**
 * Makes reports from a run's folder alone, the usual ones unless told otherwise; resolves with those it made. An old one is replaced once the new
 * one is whole. Throws {@link LabError} (exit code 2) where the folder is damaged, or cannot be told in a form.
 */
export async function writeReports(folder: string, formats?: readonly Format[] | 'all'): Promise<readonly Format[]> {
  const record = await readRecord(folder)
  const { search } = record.state
  const wanted = formats === 'all' ? (search === undefined ? ALL : OF_SEARCHES) : (formats ?? (search === undefined ? USUAL : OF_SEARCHES))
  const render = search === undefined ? renderRun(record) : renderSearch(record, search, folder)
  for (const format of wanted) {
    const path = join(folder, FORMATS[format].file)
    await writeFile(`${path}.new`, await render(format))
    await rename(`${path}.new`, path)
  }
  return wanted
}

function renderRun(record: RunRecord): (format: Format) => string | Promise<string> {
  const summary = summarise(record)
  return (format) => FORMATS[format].render(record, summary)
}

function renderSearch(record: RunRecord, search: SearchState, folder: string): (format: Format) => string {
  const summary = summariseSearch(record, search)
  return (format) => {
    if (format === 'json') return json(summary)
    if (format === 'md') return searchReport(record, summary)
    throw new LabError(EXIT.usage, `${folder} is a search, which cannot be told as ${format}`, `its probes can: lab report ${folder}/probes/1 --format ${format}`)
  }
}
