import { cellsOf, clean, fit, wrapWords, type Line, type Span } from '../cells.ts'
import type { PaneContent } from '../pane.tsx'
import { SYMBOLS } from '../theme.ts'
import type { Choice } from './catalogue.ts'
import type { Field } from './form.ts'
import { currentField, fieldsIn, lackOf, lackOfValue, problemsOf, type HomeState } from './state.ts'

const LABEL_CELLS = 15
const VALUE_CELLS = 20

/** Which part of a list of `length` lines is seen, so that line `at` is among them, with some around it. */
export function windowOf(length: number, height: number, at: number): number {
  return Math.max(0, Math.min(length - height, at - Math.floor(height / 2)))
}

export function formPane(state: HomeState): PaneContent {
  const fields = fieldsIn(state)
  return {
    title: 'new run',
    body(width, height) {
      const lines: Line[] = []
      let pointed = 0
      fields.forEach((field, index) => {
        if (field.heading !== undefined) lines.push([{ text: `  ${field.heading}`, style: 'dim' }])
        if (index === state.at) pointed = lines.length
        lines.push(fieldLine(state, field, index === state.at, width))
      })
      const from = windowOf(lines.length, height, pointed)
      const seen = lines.slice(from, from + height)
      return seen.map((line, row) => withArrow(line, row, { above: from > 0, below: from + height < lines.length }, seen.length, width))
    },
  }
}

/** Says at the edge that there is more beyond it. */
function withArrow(line: Line, row: number, more: { above: boolean; below: boolean }, rows: number, width: number): Line {
  const sign = row === 0 && more.above ? '↑' : row === rows - 1 && more.below ? '↓' : ' '
  return [...cut(line, width - 2), ' ', { text: sign, style: 'dim' }]
}

/** Exactly so many cells. */
function cut(line: Line, cells: number): Line {
  let left = cells
  const kept: Span[] = []
  for (const span of line) {
    const text = typeof span === 'string' ? span : 'text' in span ? span.text : ''
    const piece = fit(text, Math.min(left, cellsOf(text)))
    kept.push(typeof span === 'string' ? piece : { ...span, text: piece })
    left -= cellsOf(piece)
    if (left <= 0) break
  }
  return [...kept, ' '.repeat(Math.max(0, left))]
}

function fieldLine(state: HomeState, field: Field, isCurrent: boolean, width: number): Line {
  const label: Span = { text: fit(`${isCurrent ? SYMBOLS.going : ' '} ${field.label}`, LABEL_CELLS), style: isCurrent ? 'title' : undefined }
  if (isCurrent && state.typing) return [label, ' ', ...typed(state.typing, Math.max(VALUE_CELLS, width - LABEL_CELLS - 4))]
  const isChoice = field.id === 'arch' || field.id === 'scenario' || field.id === 'runtime'
  const isSet = field.value !== '' && !isChoice
  const shown = clean(isSet || isChoice ? field.value : field.fallback)
  const value: Span = { text: fit(`${isSet ? '•' : ' '}${shown}`, Math.max(VALUE_CELLS, isSet && !field.values ? cellsOf(shown) + 2 : 0)), style: isSet ? 'warn' : isChoice ? 'strong' : undefined }
  const lack = isChoice ? lackOfValue(state, field, field.value) : undefined
  const note: Span = lack === undefined ? { text: clean(field.takes), style: 'dim' } : { text: `${SYMBOLS.warn} ${clean(lack)}`, style: 'warn' }
  return [label, value, ' ', note]
}

/** With a cursor; of a long text the part around it. */
function typed({ text, cursor }: NonNullable<HomeState['typing']>, width: number): Line {
  const from = Math.max(0, cursor - width + 2)
  const [left, under, right] = [text.slice(from, cursor), text.slice(cursor, cursor + 1) || ' ', text.slice(cursor + 1)]
  return [{ text: clean(left), style: 'strong' }, { text: clean(under) || ' ', style: 'mark' }, { text: clean(right), style: 'strong' }]
}

/** All values of a field, each with what it is and why it cannot be had. */
export function pickPane(state: HomeState, at: number): PaneContent {
  const field = currentField(state)
  const values = field.values ?? []
  return {
    title: field.label,
    body(width, height) {
      const from = windowOf(values.length, height, at)
      return values.slice(from, from + height).map((value, row) => valueLine(state, field, value, from + row === at, width))
    },
  }
}

function valueLine(state: HomeState, field: Field, value: string, isCurrent: boolean, width: number): Line {
  const lack = lackOfValue(state, field, value)
  const title = choiceOf(state, field, value)?.title ?? (value === field.fallback ? 'the default' : '')
  const mark: Span = lack === undefined ? { text: SYMBOLS.good, style: 'good' } : { text: SYMBOLS.warn, style: 'warn' }
  const name: Span = { text: fit(value, LABEL_CELLS), style: isCurrent ? 'title' : undefined }
  const note = lack === undefined ? title : `${title} · ${clean(lack)}`
  return [{ text: `${isCurrent ? SYMBOLS.going : ' '} `, style: 'title' }, mark, ' ', name, { text: fit(clean(note), Math.max(0, width - LABEL_CELLS - 4)), style: lack === undefined && isCurrent ? undefined : 'dim' }]
}

function choiceOf({ catalogue }: HomeState, field: Field, value: string): Choice | undefined {
  const among: readonly Choice[] = field.id === 'arch' ? catalogue.architectures : field.id === 'scenario' ? catalogue.scenarios : field.id === 'runtime' ? catalogue.runtimes : []
  return among.find(({ id }) => id === value)
}

/** What the field means, what it takes, and what is wrong. */
export function aboutField(state: HomeState): PaneContent {
  const field = currentField(state)
  const value = state.picking === undefined ? field.value : (field.values?.[state.picking] ?? '')
  const choice = choiceOf(state, field, value)
  const lack = choice === undefined ? lackOf(state, state.form) : lackOfValue(state, field, value)
  const problems = [...problemsOf(state), ...(lack === undefined ? [] : [lack])]
  return {
    title: choice === undefined ? field.label : `${field.label}: ${value}`,
    body(width, height) {
      const says = choice === undefined ? field.says : [choice.title, ...choice.says]
      const facts = choice === undefined ? [`takes ${field.takes}${field.fallback === '' ? '' : ` · default ${field.fallback}`}`] : []
      const wrong = problems.flatMap((problem) => wrapWords(`${SYMBOLS.bad} ${clean(problem)}`, width)).map((text): Line => [{ text, style: 'bad' }])
      const about = [
        ...says.flatMap((text) => wrapWords(clean(text), width)).map((text, index): Line => [choice !== undefined && index === 0 ? { text, style: 'strong' } : text]),
        ...facts.flatMap((text) => wrapWords(clean(text), width)).map((text): Line => [{ text, style: 'dim' }]),
      ]
      const room = Math.max(1, height - wrong.length)
      const whole = about.length + 12 < room ? [...about, ...surroundings(state, field, width)] : about
      const shown = whole.length > room ? [...whole.slice(0, room - 1), [{ text: '…', style: 'dim' } as const]] : whole
      return [...(wrong.length >= height ? [] : shown), ...wrong].slice(0, height)
    },
  }
}

/** Where there is room: what else has been chosen. */
function surroundings({ catalogue, form }: HomeState, field: Field, width: number): Line[] {
  const others = [
    ['arch', 'architecture', catalogue.architectures.find(({ id }) => id === form.arch)],
    ['scenario', 'scenario', catalogue.scenarios.find(({ id }) => id === form.scenario)],
  ] as const
  return others.flatMap(([id, label, choice]) =>
    id === field.id || choice === undefined
      ? []
      : [[], [{ text: `── ${label}: ${choice.id}`, style: 'dim' } as const], [choice.title], ...choice.says.flatMap((text) => wrapWords(clean(text), width)).map((text): Line => [{ text, style: 'dim' }])],
  )
}

const KEYS: readonly [keys: string, says: string][] = [
  ['↑ ↓, j k', 'move; PgUp, PgDn, g, G: further'],
  ['Enter', 'choose or type a value; open a report'],
  ['← →', 'next value of a choice; sideways in a report'],
  ['x', 'back to the default'],
  ['s', 'start the run; this home comes back after it'],
  ['y', 'copy the command (by the terminal: OSC 52), and print it on leaving'],
  ['Tab, 1 2', 'new run, past runs'],
  ['/', 'look for a setting; filter runs; search a report, n for the next'],
  ['v', 'past runs of one verdict only, then of the next'],
  ['c', 'past runs: hold others against this one; then, on another, compare'],
  ['r', 'past runs: read the folder again'],
  ['Esc', 'back, or show all runs again'],
  ['Ctrl-L', 'draw everything anew'],
  ['q, Ctrl-C', 'quit: exit code 0, 130'],
]

export function helpLines(): Line[] {
  const symbols: Line = [
    { text: 'symbols'.padEnd(12), style: 'title' }, { text: SYMBOLS.good, style: 'good' }, ' passed, can be had   ', { text: SYMBOLS.warn, style: 'warn' }, ' invalid, cannot be had here   ',
    { text: SYMBOLS.bad, style: 'bad' }, ' failed',
  ]
  return [...KEYS.map(([keys, says]): Line => [{ text: keys.padEnd(12), style: 'title' }, says]), symbols, [{ text: '•'.padEnd(12), style: 'title' }, 'not the default']]
}
