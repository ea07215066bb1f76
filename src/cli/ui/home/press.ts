import { EXIT } from '../../../run/errors.ts'
import type { Key } from '../keys.ts'
import { textOf, widest } from './document.ts'
import { commandOf, withValue } from './form.ts'
import { VERDICTS } from './runs.ts'
import { currentField, currentRun, draftOf, draftProblems, fieldsIn, lackOf, lastTop, problemsOf, readingRows, visibleRuns, type Effect, type HomeState, type Reading } from './state.ts'

interface Pressed {
  state: HomeState
  effect?: Effect
}

/** What a terminal sends when several keys come at once, or text is pasted: one text, with these in it. */
const CONTROLS: Readonly<Record<string, readonly [input: string, key: Key]>> = {
  '\r': ['', { return: true }],
  '\n': ['', { return: true }],
  '\t': ['', { tab: true }],
  '\b': ['', { backspace: true }],
  '\u007f': ['', { backspace: true }],
  '\u001b': ['', { escape: true }],
  '\u0003': ['c', { ctrl: true }],
  '\u0015': ['u', { ctrl: true }],
}

/** A key, or several at once. Pure: what is to be done comes back as effects, in order; after the one that leaves nothing counts. */
export function press(before: HomeState, input: string, key: Key): { state: HomeState; effects: readonly Effect[] } {
  const named = Object.entries(key).some(([name, on]) => on && name !== 'shift')
  const keys = named || input.length <= 1 ? [[input, key] as const] : [...input].map((letter) => CONTROLS[letter] ?? ([letter, {}] as const))
  let state = before
  const effects: Effect[] = []
  for (const [letter, one] of keys) {
    const pressed = pressOne(state, letter, one)
    state = pressed.state
    if (pressed.effect) effects.push(pressed.effect)
    if (pressed.effect?.type === 'quit' || pressed.effect?.type === 'start') break
  }
  return { state, effects }
}

function pressOne(before: HomeState, input: string, key: Key): Pressed {
  const { says: _, ...state } = before
  if (key.ctrl && input === 'c') return { state, effect: { type: 'quit', exitCode: EXIT.interrupted } }
  if (key.ctrl && input === 'l') return { state, effect: { type: 'redraw' } }
  if (state.seeking !== undefined) return { state: seek(state, input, key) }
  if (state.typing) return typeInto(state, state.typing, input, key)
  if (key.ctrl || (key.meta && !key.escape)) return { state }
  if (state.help) return { state: '?hq'.includes(input) || key.escape ? { ...state, help: false } : state }
  if (input === '?' || input === 'h') return { state: { ...state, help: true } }
  if (state.reading) return read(state, state.reading, input, key)
  if (state.picking !== undefined) return pick(state, state.picking, input, key)
  if (input === 'q') return { state, effect: { type: 'quit', exitCode: EXIT.passed } }
  if (input === '/') return { state: { ...state, seeking: state.page === 'past runs' ? state.filter : '' } }
  if (key.tab || input === '1' || input === '2') {
    const page = input === '1' ? 'new run' : input === '2' ? 'past runs' : state.page === 'new run' ? 'past runs' : 'new run'
    return { state: { ...state, page }, ...(page === 'past runs' && { effect: { type: 'reload' } }) }
  }
  return state.page === 'new run' ? fill(state, input, key) : browse(state, input, key)
}

/** Where a list of `length` is after a key that moves in it; `undefined`: it does not. */
export function moved(at: number, length: number, page: number, input: string, key: Key): number | undefined {
  const to = key.upArrow || input === 'k' ? at - 1
    : key.downArrow || input === 'j' ? at + 1
    : key.pageUp ? at - page
    : key.pageDown || input === ' ' ? at + page
    : key.home || input === 'g' ? 0
    : key.end || input === 'G' ? length - 1
    : undefined
  return to === undefined ? undefined : Math.max(0, Math.min(length - 1, to))
}

function fill(state: HomeState, input: string, key: Key): Pressed {
  const fields = fieldsIn(state)
  const field = currentField(state)
  const to = moved(state.at, fields.length, 10, input, key)
  if (to !== undefined) return { state: { ...state, at: to } }
  if (key.leftArrow || key.rightArrow) {
    if (!field.values) return { state }
    const now = field.values.indexOf(field.value || field.fallback)
    const next = field.values[(now + (key.leftArrow ? -1 : 1) + field.values.length) % field.values.length]!
    return { state: { ...state, form: withValue(state.form, field, next) } }
  }
  if (key.return) {
    return { state: field.values ? { ...state, picking: Math.max(0, field.values.indexOf(field.value || field.fallback)) } : { ...state, typing: { text: field.value, cursor: field.value.length } } }
  }
  if (key.backspace || key.delete || input === 'x') return { state: field.id === 'arch' || field.id === 'scenario' ? state : { ...state, form: withValue(state.form, field, '') } }
  if (input === 's') return start(state)
  if (input === 'y') return { state, effect: { type: 'copy', text: commandOf(state.form) } }
  return { state }
}

function start(state: HomeState): Pressed {
  const [problem] = problemsOf(state)
  const lack = lackOf(state, state.form)
  if (problem !== undefined) return { state: { ...state, says: { text: `not started: ${problem}`, bad: true } } }
  if (lack !== undefined) return { state: { ...state, says: { text: `not started: ${lack}`, bad: true } } }
  return { state, effect: { type: 'start', form: state.form } }
}

function pick(state: HomeState, at: number, input: string, key: Key): Pressed {
  const field = currentField(state)
  const { picking: _, ...closed } = state
  const to = moved(at, field.values?.length ?? 0, 10, input, key)
  if (to !== undefined) return { state: { ...state, picking: to } }
  if (key.escape || input === 'q' || key.leftArrow) return { state: closed }
  if (key.return || key.rightArrow) return { state: { ...closed, form: draftOf(state) } }
  return { state }
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })
const MOST_TYPED = 400

function typeInto(state: HomeState, { text, cursor }: NonNullable<HomeState['typing']>, input: string, key: Key): Pressed {
  const { typing: _, ...closed } = state
  const change = (next: string, to: number): Pressed => ({ state: { ...state, typing: { text: next, cursor: to } } })
  if (key.escape) return { state: closed }
  if (key.return || key.tab) return draftProblems(state).length > 0 ? { state } : { state: { ...closed, form: draftOf(state) } }
  if (key.leftArrow) return change(text, cursor - before(text, cursor))
  if (key.rightArrow) return change(text, Math.min(text.length, cursor + ([...graphemes.segment(text.slice(cursor))][0]?.segment.length ?? 0)))
  if (key.home || (key.ctrl && input === 'a')) return change(text, 0)
  if (key.end || (key.ctrl && input === 'e')) return change(text, text.length)
  if (key.ctrl && input === 'u') return change(text.slice(cursor), 0)
  if (key.backspace || key.delete) {
    const size = before(text, cursor)
    return change(text.slice(0, cursor - size) + text.slice(cursor), cursor - size)
  }
  if (key.ctrl || key.meta || key.upArrow || key.downArrow || key.pageUp || key.pageDown) return { state }
  const typed = input.replace(/[\p{Control}\p{Surrogate}]/gu, '')
  return text.length + typed.length > MOST_TYPED ? { state } : change(text.slice(0, cursor) + typed + text.slice(cursor), cursor + typed.length)
}

/** Length of what stands before the cursor as one sign. */
function before(text: string, cursor: number): number {
  return [...graphemes.segment(text.slice(0, cursor))].at(-1)?.segment.length ?? 0
}

/** What is typed after `/`. */
function seek(state: HomeState, input: string, key: Key): HomeState {
  const { seeking: text = '', ...closed } = state
  const sought = (next: string): HomeState => found({ ...state, seeking: next }, next)
  if (key.escape) return found(closed, '')
  if (key.return) return closed
  if (key.backspace || key.delete) return text === '' ? closed : sought(text.slice(0, -before(text, text.length)))
  if (key.ctrl || key.meta || key.tab || key.upArrow || key.downArrow || key.leftArrow || key.rightArrow || key.pageUp || key.pageDown || key.home || key.end) return state
  const typed = input.replace(/[\p{Control}\p{Surrogate}]/gu, '')
  return text.length + typed.length > MOST_TYPED ? state : sought(text + typed)
}

/** Applies what is sought to what is shown. */
function found(state: HomeState, text: string): HomeState {
  if (state.reading) return { ...state, reading: jump({ ...state.reading, search: text }, state, state.reading.top) }
  if (state.page === 'past runs') return { ...state, filter: text, runAt: 0 }
  const at = text === '' ? -1 : fieldsIn(state).findIndex((field) => field.label.toLowerCase().includes(text.toLowerCase()))
  return at < 0 ? state : { ...state, at }
}

function jump(reading: Reading, { size }: HomeState, from: number): Reading {
  const text = (reading.search ?? '').toLowerCase()
  if (text === '') return reading
  const { length } = reading.lines
  for (let step = 0; step < length; step++) {
    const at = (from + step) % length
    if (textOf(reading.lines[at]!).toLowerCase().includes(text)) return { ...reading, top: Math.min(at, lastTop(length, size)) }
  }
  return reading
}

function read(state: HomeState, reading: Reading, input: string, key: Key): Pressed {
  const { reading: _, ...closed } = state
  const at = (next: Partial<Reading>): Pressed => ({ state: { ...state, reading: { ...reading, ...next } } })
  if (key.escape || input === 'q') return { state: closed }
  if (input === '/') return { state: { ...state, seeking: '' } }
  if (input === 'n') return { state: { ...state, reading: jump(reading, state, reading.top + 1) } }
  if (key.leftArrow) return at({ left: Math.max(0, reading.left - 8) })
  if (key.rightArrow) return at({ left: Math.max(0, Math.min(reading.left + 8, widest(reading.lines) - state.size.columns + 4)) })
  const to = moved(reading.top, lastTop(reading.lines.length, state.size) + 1, readingRows(state.size) - 1, input, key)
  return to === undefined ? { state } : at({ top: to })
}

function browse(state: HomeState, input: string, key: Key): Pressed {
  const runs = visibleRuns(state)
  const run = currentRun(state)
  const to = moved(state.runAt, runs.length, 10, input, key)
  if (to !== undefined) return { state: { ...state, runAt: to } }
  if (key.escape) {
    const { verdict: _v, marked: _m, ...rest } = state
    return { state: { ...rest, filter: '', runAt: 0 } }
  }
  if (input === 'v') {
    const { verdict, ...rest } = state
    const next = verdict === undefined ? VERDICTS[0] : VERDICTS[VERDICTS.indexOf(verdict) + 1]
    return { state: { ...rest, ...(next !== undefined && { verdict: next }), runAt: 0 } }
  }
  if (input === 'r') return { state, effect: { type: 'reload' } }
  if (run === undefined) return { state }
  if (key.return) return { state, effect: { type: 'open', run } }
  if (input === 'y') return run.commandLine === '' ? { state } : { state, effect: { type: 'copy', text: run.commandLine } }
  if (input === 'c') return compareWith(state, run)
  return { state }
}

/** The first press marks what others are held against; the next compares. */
function compareWith(state: HomeState, run: NonNullable<ReturnType<typeof currentRun>>): Pressed {
  const against = state.runs?.find(({ name }) => name === state.marked)
  const { marked: _, ...unmarked } = state
  if (against === undefined) return { state: { ...state, marked: run.name, says: { text: 'held against: now choose another, and press c again' } } }
  return against.name === run.name ? { state: unmarked } : { state, effect: { type: 'compare', run, against } }
}
