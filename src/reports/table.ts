/** A GitHub table; columns from `rightFrom` on are right-aligned. */
export function table(head: string[], rows: string[][], rightFrom: number): string {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map((name, i) => (i >= rightFrom && name !== '' ? '---:' : '---'))), ...rows.map(line)].join('\n')
}
