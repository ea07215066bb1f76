import { EventEmitter } from 'node:events'
import type { WriteStream } from 'node:tty'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createSurface, repaint } from '../../../src/cli/ui/surface.ts'

/** What a terminal makes of the few sequences that are used. */
function terminal(rows: number): { lines: string[]; write(text: string): void } {
  const lines = Array<string>(rows).fill('')
  let row = 0
  let written = false
  return {
    lines,
    write(text) {
      for (const piece of text.split('\u001b[').slice(1)) {
        const [, parameters = '', kind, rest = ''] = /^([?\d;]*)([A-Za-z])(.*)$/s.exec(piece)!
        if (kind === 'H') [row, written] = [parameters === '' ? 0 : Number.parseInt(parameters) - 1, false]
        if (kind === 'J') lines.fill('', row)
        if (kind === 'K' && !written) lines[row] = ''
        if (rest !== '') [lines[row], written] = [rest, true]
      }
    },
  }
}

test.each<[says: string, before: string[] | undefined, after: string[], written: RegExp]>([
  ['the first frame is written whole on a wiped screen', undefined, ['a', 'b'], /H.*\[J.*1;1Ha.*2;1Hb/],
  ['only what changed is written', ['a', 'b', 'c'], ['a', 'B', 'c'], /^[^abc]*2;1HB[^abc]*$/],
  ['lines that are no more are erased', ['a', 'b', 'c'], ['a'], /2;1H.*\[J/],
  ['the same again costs nothing', ['a'], ['a'], /^$/],
])('%s', (_says, before, after, written) => expect(repaint(before, after)).toMatch(written))

test('whatever frames follow each other, the screen holds the last one', () => {
  const anyFrame = fc.array(fc.constantFrom('', 'a', 'bb', 'a bb', '─●─'), { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(fc.array(anyFrame, { minLength: 1, maxLength: 8 }), fc.nat(8), (frames, forgetAt) => {
      const screen = terminal(10)
      const surface = createSurface(Object.assign(new EventEmitter(), { write: screen.write }) as unknown as WriteStream)
      screen.lines.fill('rubbish')
      frames.forEach((frame, index) => {
        if (index === forgetAt) surface.forget()
        surface.stream.write(frame.join('\n'))
      })
      const expected = frames.at(-1)!.join('\n') === '' ? undefined : frames.at(-1)!
      if (expected) expect(screen.lines).toEqual([...expected, ...Array<string>(10 - expected.length).fill('')])
    }),
  )
})

test('nothing is written once it is closed, nor are cursor modes taken for frames', () => {
  const written: string[] = []
  const surface = createSurface(
    Object.assign(new EventEmitter(), { write: (text: string) => written.push(text) }) as unknown as WriteStream,
  )
  surface.stream.write('\u001b[?25l')
  surface.close()
  surface.stream.write('a frame')
  expect(written).toEqual([])
})
