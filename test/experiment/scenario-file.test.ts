import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isScenarioFile, readScenarioFile } from '../../src/experiment/scenario-file.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'scenario-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function read(name: string, text?: string) {
  const file = join(folder, name)
  if (text !== undefined) writeFileSync(file, text)
  const problems: string[] = []
  const scenario = await readScenarioFile(file, problems)
  return { scenario, problems: problems.map((line) => line.replaceAll(`${folder}/`, '')) }
}

describe('a scenario in a file', () => {
  it.each([['spike', false], ['./spike', true], ['mine.yaml', true], ['mine.ts', true], ['a/b', true], ['v2', false]])('%s: %s', (word, isFile) => {
    expect(isScenarioFile(word)).toBe(isFile)
  })

  it('is the same in YAML, JSON and TypeScript', async () => {
    const phases = [{ name: 'rush', seconds: 6, shape: { kind: 'constant', rate: 2 } }]
    const yaml = await read('same.yaml', 'phases:\n  - name: rush\n    seconds: 6\n    shape: { kind: constant, rate: 2 }\n')
    const json = await read('same.json', JSON.stringify({ phases }))
    const ts = await read('same.ts', `interface Any { phases: unknown[] }\nconst scenario: Any = { phases: ${JSON.stringify(phases)} }\nexport default scenario\n`)
    expect(yaml.problems).toEqual([])
    expect(yaml.scenario?.id).toBe('same')
    expect([json, ts]).toEqual([yaml, yaml])
  })

  it('names line and column of all that is wrong', async () => {
    const { problems } = await read('wrong.yaml', 'subscribers: 5.5\nphases:\n  - name: Rush\n    secnds: 6\n    shape: { kind: constant, rate: 2 }\n')
    expect(problems.map((line) => line.slice(0, line.indexOf(' ', line.indexOf(' ') + 1)))).toEqual([
      'wrong.yaml:3:11: phases[0].name',
      'wrong.yaml:3:5: phases[0].seconds',
      'wrong.yaml:4:13: phases[0].secnds',
      'wrong.yaml:1:14: subscribers',
    ])
  })

  it.each([
    ['missing.yaml', undefined, /^scenario missing\.yaml: there is no such file$/],
    ['broken.yaml', 'phases: [1\nb: {', /^broken\.yaml:2:1: /],
    ['twice.yaml', 'baseRate: 1\nbaseRate: 2', /^twice\.yaml:2:1: Map keys must be unique/],
    ['bomb.yaml', `a: &a [x, x]\n${[...'bcdefghij'].map((name, i) => `${name}: &${name} [${Array(9).fill(`*${'abcdefghij'[i]}`).join(', ')}]`).join('\n')}`, /^bomb\.yaml: /],
    ['empty.mjs', '', /exports no default/],
    ['broken.mjs', 'export default {', /^scenario broken\.mjs: cannot be loaded: /],
    ['throws.mjs', 'throw new Error("not today")', /cannot be loaded: not today$/],
    ['scenario.toml', '', /must end in \.yaml, /],
    ['.', undefined, /must end in/],
    ['large.yaml', `# ${'x'.repeat(1_048_576)}`, /at most 1048576 are read$/],
  ])('%s is refused in one sentence', async (name, text, says) => {
    const { problems, scenario } = await read(name, text)
    expect(scenario).toBeUndefined()
    expect(problems[0]).toMatch(says)
  })
})
