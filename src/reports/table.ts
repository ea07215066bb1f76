/** A GitHub table; columns from `rightFrom` on are right-aligned. */
export function table(head: string[], rows: string[][], rightFrom: number): string {
  // What a cell holds must not end it.
  const line = (cells: string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll(/\s*\n\s*/g, ' ')).join(' | ')} |`
  return [line(head), line(head.map((name, i) => (i >= rightFrom && name !== '' ? '---:' : '---'))), ...rows.map(line)].join('\n')
}
