import type { ReactNode } from 'react'
import { render } from 'ink-testing-library'
import { App } from '../../../src/cli/ui/app.tsx'
import { initialView, type View } from '../../../src/cli/ui/keys.ts'
import { createTheme } from '../../../src/cli/ui/theme.ts'
import type { RunState } from '../../../src/run/state.ts'

export const plainTheme = createTheme({ color: false, glyphs: 'braille' })

/** What a terminal of that size shows of it, as lines. ink-testing-library's own has 100 columns, so the tree is asked for its width. */
export function drawn(picture: ReactNode, columns: number, rows: number): string[] {
  const app = render(<></>)
  Object.defineProperty(app.stdout, 'columns', { value: columns })
  Object.defineProperty(app.stdout, 'rows', { value: rows })
  app.rerender(<>{picture}</>)
  const text = app.lastFrame() ?? ''
  app.unmount()
  return text.split('\n')
}

/** The picture of a run as lines. */
export function frame(state: RunState, columns: number, rows: number, view: Partial<View> = {}, theme = plainTheme): string[] {
  return drawn(<App state={state} view={{ ...initialView, ...view }} columns={columns} rows={rows} theme={theme} />, columns, rows)
}
