import type { Catalogue, Lacks } from './catalogue.ts'
import { documentLines } from './document.ts'
import { commandOf, fieldsOf, firstForm, withValue, type Field, type Form } from './form.ts'
import { matches, type PastRun, type RunVerdict } from './runs.ts'
import type { Line } from '../cells.ts'

export const PAGES = ['new run', 'past runs'] as const
export type Page = (typeof PAGES)[number]

/** A report or a comparison, to be read. */
export interface Opened {
  title: string
  /** Markdown. */
  text: string
  /** Where more is. */
  note?: string
}

export interface Reading extends Opened {
  lines: readonly Line[]
  top: number
  left: number
  /** Typed after `/`; kept for `n`. */
  search?: string
}

/** Everything the home knows and shows. */
export interface HomeState {
  catalogue: Catalogue
  /** `undefined`: this machine is still being looked at. */
  lacks: Lacks | undefined
  page: Page
  form: Form
  /** Which field. */
  at: number
  /** The field is being typed into: what, and before which character the cursor stands. */
  typing?: { text: string; cursor: number }
  /** Its values are shown, and this one is pointed at. */
  picking?: number
  /** What a run of a form would complain of; its command names the form. */
  checked?: Checked
  checkedDraft?: Checked
  runs: readonly PastRun[] | undefined
  runAt: number
  filter: string
  /** Only these. */
  verdict?: RunVerdict
  /** Name of the run that others are compared with. */
  marked?: string
  /** `/` was pressed, and what is typed goes to the filter, the search, or the field looked for. */
  seeking?: string
  reading?: Reading
  help: boolean
  /** Said until the next key. */
  says?: { text: string; bad?: boolean }
  size: { columns: number; rows: number }
}

export interface Checked {
  command: string
  problems: readonly string[]
}

/** What the reducer wants done; it does nothing itself. */
export type Effect =
  | { type: 'quit'; exitCode: number }
  | { type: 'start'; form: Form }
  | { type: 'copy'; text: string }
  | { type: 'open'; run: PastRun }
  | { type: 'compare'; run: PastRun; against: PastRun }
  | { type: 'reload' }
  | { type: 'redraw' }

export type News =
  | { type: 'checked'; command: string; problems: readonly string[] }
  | { type: 'looked'; lacks: Lacks }
  | { type: 'runs'; runs: readonly PastRun[] }
  | { type: 'opened'; opened: Opened }
  | { type: 'says'; text: string; bad?: boolean }
  | { type: 'resized'; columns: number; rows: number }

export function firstState(catalogue: Catalogue, size: HomeState['size']): HomeState {
  return { catalogue, lacks: undefined, page: 'new run', form: firstForm(catalogue), at: 0, runs: undefined, runAt: 0, filter: '', help: false, size }
}

/** What came from outside. */
export function told(state: HomeState, news: News): HomeState {
  switch (news.type) {
    case 'checked': {
      const checked = { command: news.command, problems: news.problems }
      return {
        ...state,
        ...(news.command === commandOf(state.form) && { checked }),
        ...(news.command === commandOf(draftOf(state)) && { checkedDraft: checked }),
      }
    }
    case 'looked':
      return { ...state, lacks: news.lacks }
    case 'runs': {
      const name = currentRun(state)?.name
      const next = { ...state, runs: news.runs, ...(state.marked !== undefined && !news.runs.some((run) => run.name === state.marked) && { marked: undefined }) }
      // Who points at the newest run goes on doing so: the one that has just ended is what they look for.
      const at = state.runAt === 0 ? 0 : visibleRuns(next).findIndex((run) => run.name === name)
      return { ...next, runAt: Math.max(0, at) }
    }
    case 'opened':
      return { ...state, help: false, reading: { ...news.opened, lines: documentLines(news.opened.text, readingWidth(state.size)), top: 0, left: 0 } }
    case 'says':
      return { ...state, says: { text: news.text, ...(news.bad && { bad: true }) } }
    case 'resized': {
      const size = { columns: news.columns, rows: news.rows }
      const { reading } = state
      if (reading === undefined) return { ...state, size }
      const lines = size.columns === state.size.columns ? reading.lines : documentLines(reading.text, readingWidth(size))
      // About the same place of a text that is longer or shorter now.
      const top = Math.round((reading.top / Math.max(1, reading.lines.length)) * lines.length)
      return { ...state, size, reading: { ...reading, lines, top: Math.min(top, lastTop(lines.length, size)) } }
    }
  }
}

export function readingWidth({ columns }: HomeState['size']): number {
  return Math.max(20, Math.min(columns - 4, 120))
}

/** Lines of a document that are seen at once: all rows but one, less header, title and the line of keys. */
export function readingRows({ rows }: HomeState['size']): number {
  return Math.max(1, rows - 5)
}

export function lastTop(lines: number, size: HomeState['size']): number {
  return Math.max(0, lines - readingRows(size))
}

export function fieldsIn(state: HomeState): Field[] {
  return fieldsOf(state.form, state.catalogue)
}

export function currentField(state: HomeState): Field {
  const fields = fieldsIn(state)
  return fields[Math.min(state.at, fields.length - 1)]!
}

/** The form as it would be if what is typed or pointed at were taken. */
export function draftOf(state: HomeState): Form {
  const field = currentField(state)
  if (state.typing) return withValue(state.form, field, state.typing.text)
  if (state.picking !== undefined) return withValue(state.form, field, field.values?.[state.picking] ?? '')
  return state.form
}

/** Complaints that taking the draft would add. */
export function draftProblems(state: HomeState): readonly string[] {
  if (state.checkedDraft?.command !== commandOf(draftOf(state))) return []
  const before = state.checked?.command === commandOf(state.form) ? state.checked.problems : []
  return state.checkedDraft.problems.filter((problem) => !before.includes(problem))
}

export function problemsOf(state: HomeState): readonly string[] {
  return state.checked?.command === commandOf(state.form) ? state.checked.problems : []
}

/** Why this form cannot be run on this machine. */
export function lackOf({ lacks }: HomeState, { arch, runtime }: Pick<Form, 'arch' | 'runtime'>): string | undefined {
  if (lacks === undefined) return undefined
  if (runtime === 'docker') return lacks.docker
  return runtime === undefined && lacks.docker === undefined ? undefined : lacks.locally[arch]
}

/** Why a value of a field cannot be had. */
export function lackOfValue(state: HomeState, field: Field, value: string): string | undefined {
  if (field.id === 'arch') return lackOf(state, { arch: value, ...(state.form.runtime !== undefined && { runtime: state.form.runtime }) })
  return field.id === 'runtime' && value === 'docker' ? state.lacks?.docker : undefined
}

export function visibleRuns({ runs, filter, verdict }: Pick<HomeState, 'runs' | 'filter' | 'verdict'>): readonly PastRun[] {
  return (runs ?? []).filter((run) => (verdict === undefined || run.verdict === verdict) && matches(run, filter))
}

export function currentRun(state: HomeState): PastRun | undefined {
  return visibleRuns(state)[state.runAt]
}
