import { readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { writeReports } from '../../reports/write.ts'
import { findRun } from '../../run/find.ts'

export async function reportCommand(name: string, options: { results: string; stdout?: boolean }): Promise<void> {
  const folder = await findRun(name, options.results)
  await writeReports(folder)
  const path = join(folder, 'report.md')
  process.stdout.write(options.stdout === true ? await readFile(path, 'utf8') : `${relative(process.cwd(), path)}\n`)
}
