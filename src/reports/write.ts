import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readRecord } from '../run/record.ts'
import { markdownReport } from './markdown.ts'
import { summarise, type Summary } from './summarise.ts'

/** Makes `summary.json` and `report.md` from a run's folder alone; an old report is replaced. */
export async function writeReports(folder: string): Promise<Summary> {
  const record = await readRecord(folder)
  const summary = summarise(record)
  await writeFile(join(folder, 'summary.json'), `${JSON.stringify(summary, null, 2)}\n`)
  await writeFile(join(folder, 'report.md'), markdownReport(record, summary))
  return summary
}
