import type { ReadStream, WriteStream } from 'node:tty'
import { LabError } from '../../../run/errors.ts'
import { loadUi } from '../load-ui.ts'
import { createTheme, terminalGlyphs } from '../theme.ts'
import type { Catalogue, Lacks } from './catalogue.ts'
import { commandOf, type Form } from './form.ts'
import { press } from './press.ts'
import type { PastRun } from './runs.ts'
import { draftOf, firstState, told, type Effect, type HomeState, type News, type Opened } from './state.ts'

export interface HomeOptions {
  stdout: WriteStream & { fd: number }
  stdin: ReadStream
  stderr: WriteStream
  color: boolean
}

/** What the home asks of everything else. */
export interface HomeWorld {
  /** What a run of it would complain of; nothing: it can be run. */
  check(form: Form): Promise<readonly string[]>
  look(): Promise<Lacks>
  runs(): Promise<readonly PastRun[]>
  open(run: PastRun): Promise<Opened>
  compare(run: PastRun, against: PastRun): Promise<Opened>
}

/** How the home was left, and what it was then, to come back to. */
export interface Left {
  state: HomeState
  by: Extract<Effect, { type: 'quit' | 'start' }>
  /** Commands that were copied, oldest first. */
  copied: readonly string[]
}

/** Shows the home until it is left. The terminal is given back whatever happens. */
export async function showHome(begin: HomeState | Catalogue, world: HomeWorld, options: HomeOptions): Promise<Left> {
  const [{ openScreen }, { homePicture }] = await loadUi(options.color, () => Promise.all([import('../screen.tsx'), import('./home.tsx')]))
  const theme = createTheme({ color: options.color, glyphs: terminalGlyphs(process.env) })
  const size = () => ({ columns: options.stdout.columns > 0 ? options.stdout.columns : 80, rows: options.stdout.rows > 0 ? options.stdout.rows : 24 })
  let state = 'form' in begin ? told(begin, { type: 'resized', ...size() }) : firstState(begin, size())
  const copied: string[] = []
  const { promise: left, resolve: leave, reject: fail } = Promise.withResolvers<Left['by']>()
  let timer: NodeJS.Timeout | undefined

  const draw = () => {
    clearTimeout(timer)
    timer = undefined
    screen.show(() => homePicture(state, theme))
  }
  const drawSoon = () => (timer ??= setTimeout(draw, 15))
  const hear = (news: News) => {
    state = told(state, news)
    drawSoon()
  }
  /** What goes wrong in it is said, or, where it is a bug, ends the home. */
  const ask = (work: Promise<News>) =>
    void work.then(hear, (error: unknown) => (error instanceof LabError ? hear({ type: 'says', text: firstLines(error), bad: true }) : fail(error)))
  const check = () => {
    for (const form of new Set([state.form, draftOf(state)])) {
      ask(world.check(form).then((problems) => ({ type: 'checked', command: commandOf(form), problems })))
    }
  }
  const read = () => ask(world.runs().then((runs) => ({ type: 'runs', runs })))
  const carryOut = (effect: Effect) => {
    if (effect.type === 'quit' || effect.type === 'start') leave(effect)
    else if (effect.type === 'redraw') screen.wipe()
    else if (effect.type === 'reload') read()
    else if (effect.type === 'open') ask(world.open(effect.run).then((opened) => ({ type: 'opened', opened })))
    else if (effect.type === 'compare') ask(world.compare(effect.run, effect.against).then((opened) => ({ type: 'opened', opened })))
    else {
      copied.push(effect.text)
      // OSC 52: terminals that allow it put this into the clipboard, others ignore it.
      options.stdout.write(`\u001b]52;c;${Buffer.from(effect.text).toString('base64')}\u0007`)
      hear({ type: 'says', text: 'copied, if this terminal allows it; it is also printed when you leave' })
    }
  }

  await using screen = openScreen({
    ...options,
    onKey(input, key) {
      const before = state
      const pressed = press(state, input, key)
      state = pressed.state
      for (const effect of pressed.effects) carryOut(effect)
      if (commandOf(draftOf(before)) !== commandOf(draftOf(state)) || before.form !== state.form) check()
      drawSoon()
    },
    onResize: () => {
      state = told(state, { type: 'resized', ...size() })
      draw()
    },
  })
  try {
    draw()
    check()
    read()
    if (state.lacks === undefined) ask(world.look().then((lacks) => ({ type: 'looked', lacks })))
    return { by: await left, state, copied }
  } finally {
    clearTimeout(timer)
  }
}

function firstLines({ message, hint }: LabError): string {
  return [...message.split('\n').slice(0, 2), ...(hint === undefined ? [] : [hint])].join(' · ')
}
