import { appendFile, stat } from 'node:fs/promises'

/** GitHub throws a step's summary away when it is larger. */
export const LIMIT_BYTES = 1_048_576

/**
 * Appends markdown to the job summary of GitHub Actions, where `GITHUB_STEP_SUMMARY` names one; cut at the end of a line where there is not
 * room for all of it. A summary that cannot be written is no reason to fail: what it says is in the report, too.
 */
export async function appendJobSummary(markdown: string, path = process.env['GITHUB_STEP_SUMMARY']): Promise<void> {
  if (path === undefined || path === '') return
  const there = await stat(path).then(({ size }) => size, () => 0)
  await appendFile(path, fitting(markdown, LIMIT_BYTES - there)).catch((error: unknown) => process.stderr.write(`lab: the job summary cannot be written: ${(error as Error).message}\n`))
}

const CUT = '\n\n(There was not room for more.)\n'

/** Pure: as many whole lines as fit into so many bytes. */
export function fitting(markdown: string, bytes: number): string {
  const whole = `${markdown.trimEnd()}\n\n`
  if (Buffer.byteLength(whole) <= bytes) return whole
  let room = bytes - Buffer.byteLength(CUT)
  const lines: string[] = []
  for (const line of whole.split('\n')) {
    room -= Buffer.byteLength(line) + 1
    if (room < 0) break
    lines.push(line)
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}${CUT}`
}
