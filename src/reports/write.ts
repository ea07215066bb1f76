import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readRecord } from '../run/record.ts'
import { markdownReport } from './markdown.ts'
import { searchReport } from './search-report.ts'
import { summariseSearch } from './search-summary.ts'
import { summarise } from './summarise.ts'

/** Makes `summary.json` and `report.md` from a run's folder alone; an old report is replaced. */
export async function writeReports(folder: string): Promise<void> {
  const record = await readRecord(folder)
  const { search } = record.state
  if (search === undefined) {
    const summary = summarise(record)
    return write(folder, summary, markdownReport(record, summary))
  }
  const summary = summariseSearch(record, search)
  await write(folder, summary, searchReport(record, summary))
}

async function write(folder: string, summary: object, report: string): Promise<void> {
  await writeFile(join(folder, 'summary.json'), `${JSON.stringify(summary, null, 2)}\n`)
  await writeFile(join(folder, 'report.md'), report)
}
