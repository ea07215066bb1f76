import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { lab } from '../../../../src/cli/main.ts'
import { commandLines, commandOf, fieldsOf, OPTION_NAMES, type Form } from '../../../../src/cli/ui/home/form.ts'
import { currentField, currentRun, draftOf, told, visibleRuns } from '../../../../src/cli/ui/home/state.ts'
import { catalogue, homeAt, KEY_NAMES, pressed, RUNS } from './story.ts'

const home = homeAt(80, 24)
const command = (...keys: string[]) => commandOf(pressed(home, ...keys).state.form)

/** `'./lab' run …` as a POSIX shell splits it. */
function shellSplit(text: string): string[] {
  const words: string[] = []
  for (const word of text.replaceAll(' \\\n', ' ').matchAll(/(?:[^\s'\\]|\\.|'[^']*')+/g)) words.push(word[0].replaceAll(/\\(.)|'([^']*)'/g, (_, escaped: string, quoted: string) => escaped ?? quoted))
  return words
}

/** What the real command line makes of it. */
let ran: { scenario: string; options: Record<string, unknown> } | undefined
beforeAll(() => {
  lab.commands.find((one) => one.name() === 'run')!.action((scenario: string, options: Record<string, unknown>) => void (ran = { scenario, options }))
})
async function parsed(text: string): Promise<Form> {
  const [name, ...words] = shellSplit(text)
  expect(name).toBe('./lab')
  ran = undefined
  await lab.parseAsync(words, { from: 'user' })
  const { scenario, options } = ran!
  const set = (options['set'] as string[]).map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)] as const)
  return {
    arch: options['arch'] as string,
    scenario,
    ...(options['runtime'] !== undefined && { runtime: options['runtime'] as string }),
    options: Object.fromEntries(OPTION_NAMES.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name] as string]]))),
    faults: options['fault'] as string[],
    knobs: { [options['arch'] as string]: Object.fromEntries(set) },
  }
}
const asChosen = (form: Form): Form => ({ ...form, knobs: { [form.arch]: form.knobs[form.arch] ?? {} } })

describe('the form', () => {
  test.each<[says: string, keys: string[], command: string]>([
    ['begins with v2 and spike', [], './lab run spike --arch v2'],
    ['→ takes the next value', ['Right'], './lab run spike --arch v3'],
    ['← goes round', ['Down', 'Left', 'Left', 'Right', 'Right', 'Right'], './lab run baseline --arch v2'],
    ['Enter shows the values, Enter takes one', ['Enter', 'Up', 'Enter'], './lab run spike --arch v1'],
    ['Esc takes none', ['Enter', 'Up', 'Esc'], './lab run spike --arch v2'],
    ['a value is typed', ['/', 'rate', 'Enter', 'Enter', '250', 'Enter'], './lab run spike --arch v2 --rate 250'],
    ['keys that come as one text are as many keys', ['/batc\r\r50\r'], './lab run spike --arch v2 --set batch=50'],
    ['the cursor moves in it', ['/rate\r\r20', 'Left', '5', 'Home', '1', 'End', 'Back', 'Enter'], './lab run spike --arch v2 --rate 125'],
    ['Esc leaves it as it was', ['/rate\r\r20', 'Esc'], './lab run spike --arch v2'],
    ['the default is not said', ['/rate\r\r500\r'], './lab run spike --arch v2'],
    ['x goes back to the default', ['/rate\r\r20\r', 'x'], './lab run spike --arch v2'],
    ['x leaves no run without architecture', ['x'], './lab run spike --arch v2'],
    ['several faults', ['/faults\r\rkill:worker@20s  pause:redis@30s+5s\r'], './lab run spike --arch v2 --fault kill:worker@20s --fault pause:redis@30s+5s'],
    ['what a shell would read differently is quoted', ["/rate\r\r1; 'x' $HOME\r"], "./lab run spike --arch v2 --rate '1; '\\''x'\\'' $HOME'"],
    ['knobs of another architecture are kept, and not said', ['/batc\r\r50\r', 'g', 'Right'], './lab run spike --arch v3'],
    ['and come back with it', ['/batc\r\r50\r', 'g', 'Right', 'Left'], './lab run spike --arch v2 --set batch=50'],
  ])('%s', (_says, keys, expected) => expect(command(...keys)).toBe(expected))

  test('a value that the run would refuse is not taken, and one that was wrong before is no reason', () => {
    let { state } = pressed(home, '/batc\r\r5x')
    state = told(state, { type: 'checked', command: commandOf(draftOf(state)), problems: ['batch cannot be "5x"'] })
    expect(pressed(state, 'Enter').state.typing?.text).toBe('5x')
    state = told(state, { type: 'checked', command: commandOf(state.form), problems: ['batch cannot be "5x"'] })
    expect(pressed(state, 'Enter').state.typing).toBeUndefined()
  })
  test('news of another form than this is no news', () => {
    const state = told(home, { type: 'checked', command: './lab run spike --arch v9', problems: ['there is no v9'] })
    expect(pressed(state, 's').effects).toEqual([{ type: 'start', form: state.form }])
  })
  test('s starts; not what has problems, nor what this machine lacks: it says which', () => {
    const wrong = told(home, { type: 'checked', command: commandOf(home.form), problems: ['no such thing'] })
    expect(pressed(wrong, 's')).toMatchObject({ effects: [], state: { says: { text: 'not started: no such thing', bad: true } } })
    const poor = told(home, { type: 'looked', lacks: { locally: { v2: 'lacks Java' }, docker: 'no engine' } })
    expect(pressed(poor, 's').state.says?.text).toBe('not started: lacks Java')
    const withDocker = told(home, { type: 'looked', lacks: { locally: { v2: 'lacks Java' } } })
    expect(pressed(withDocker, 's').effects).toHaveLength(1)
    expect(pressed({ ...withDocker, form: { ...withDocker.form, runtime: 'local' } }, 's').effects).toEqual([])
  })
  test('q and Ctrl-C leave, everywhere but where q is text', () => {
    expect(pressed(home, 'q').effects).toEqual([{ type: 'quit', exitCode: 0 }])
    expect(pressed(home, '/rate\r\rq', 'C-c').effects).toEqual([{ type: 'quit', exitCode: 130 }])
  })
})

describe('past runs', () => {
  const runs = pressed(home, 'Tab').state
  const names = (...keys: string[]) => visibleRuns(pressed(runs, ...keys).state).map(({ name }) => name.slice(-4))
  test('the folder is read when they are shown', () => expect(pressed(home, 'Tab').effects).toEqual([{ type: 'reload' }]))
  test('/ filters by anything, each word', () => {
    expect(names('/', 'v1')).toEqual(['0001'])
    expect(names('/', 'spike batch')).toEqual(['3fa9'])
    expect(names('/', 'version')).toEqual([])
    expect(names('/', 'v1', 'Esc')).toHaveLength(RUNS.length)
  })
  test('v shows one verdict after the other, then all', () => {
    expect(names('v')).toEqual(['3fa9'])
    expect(names('v', 'v')).toEqual(['0001'])
    expect(names(...Array<string>(8).fill('v'))).toHaveLength(RUNS.length)
  })
  test('Enter opens; c marks, c elsewhere compares, c on the same unmarks', () => {
    expect(pressed(runs, 'Down', 'Enter').effects).toEqual([{ type: 'open', run: RUNS[1] }])
    expect(pressed(runs, 'c', 'Down', 'Down', 'c').effects).toEqual([{ type: 'compare', run: RUNS[2], against: RUNS[0] }])
    expect(pressed(runs, 'c', 'c').state.marked).toBeUndefined()
  })
  test('read anew, the same run is pointed at', () => {
    const { state } = pressed(runs, 'Down')
    expect(currentRun(told(state, { type: 'runs', runs: [{ ...RUNS[0]!, name: 'newer' }, ...RUNS] }))?.name).toBe(RUNS[1]!.name)
    expect(told(state, { type: 'runs', runs: [] }).runAt).toBe(0)
  })
})

describe('reading', () => {
  const text = Array.from({ length: 100 }, (_, index) => `line ${index}\n`).join('\n')
  const state = told(home, { type: 'opened', opened: { title: 'x', text } })
  test('scrolls within its ends', () => {
    expect(pressed(state, 'Up').state.reading?.top).toBe(0)
    expect(pressed(state, 'Down', 'j').state.reading?.top).toBe(2)
    const end = pressed(state, 'G').state.reading!
    expect(end.top + 19).toBe(end.lines.length)
    expect(pressed(state, 'G', 'PgDn').state.reading!.top).toBe(end.top)
  })
  test('/ finds, n finds the next, round the end', () => {
    expect(pressed(state, '/', 'line 30', 'Enter').state.reading?.top).toBe(60)
    expect(pressed(state, '/line 3\r', 'n').state.reading?.top).toBe(60)
  })
  test('Esc and q go back to the runs, and leave nothing', () => {
    expect(pressed(state, 'q').effects).toEqual([])
    expect(pressed(state, 'q').state.reading).toBeUndefined()
  })
})

const anyKey = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...KEY_NAMES.filter((name) => name !== 'C-c')) },
  { weight: 3, arbitrary: fc.constantFrom(...'jkgGxsyvcrnh?/12 q') },
  { weight: 2, arbitrary: fc.constantFrom('/batch\r\r', '/rate\r\r', '/faults\r\r', '/runtime\r\r', '250', "it's", '--set', '$(x)', '-', '=', 'a b') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 8 }) },
)

test('whatever is pressed: nothing is thrown, and the command is read back by the real command line as what was chosen', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyKey, { maxLength: 60 }), fc.integer({ min: 20, max: 220 }), async (keys, width) => {
      const { state } = pressed(home, ...keys)
      for (const form of [state.form, draftOf(state)]) {
        expect(await parsed(commandOf(form))).toEqual(asChosen(form))
        expect(shellSplit(commandLines(form, width).join('\n'))).toEqual(shellSplit(commandOf(form)))
      }
      expect(fieldsOf(state.form, catalogue)).toContainEqual(currentField(state))
    }),
    { numRuns: 300 },
  )
}, 60_000)
