import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'

const root = new URL('../../', import.meta.url)
const yaml = (path: string) => parse(readFileSync(new URL(path, root), 'utf8')) as Record<string, never>

interface Action {
  inputs: Record<string, { description: string; default?: string; required?: boolean }>
  outputs: Record<string, { value: string }>
  runs: { using: string; steps: { id?: string; shell?: string; run?: string; env?: Record<string, string> }[] }
}

const action = yaml('action.yml') as unknown as Action

test('every input of the action reaches the command, by the environment and never as text of the script', () => {
  const step = action.runs.steps.find(({ id }) => id === 'bench')!
  for (const input of Object.keys(action.inputs)) expect(Object.values(step.env!)).toContain(`\${{ inputs.${input} }}`)
  expect(step.run).not.toContain('${{')
  for (const variable of Object.keys(step.env!)) expect(step.run).toContain(`"$${variable}"`)
})

test('the options that it uses are those of the command', () => {
  const cli = readFileSync(new URL('src/cli/main.ts', root), 'utf8')
  const bench = cli.slice(cli.indexOf(".command('bench')"), cli.indexOf(".command('selftest')"))
  const options = action.runs.steps.flatMap(({ run }) => [...(run ?? '').matchAll(/ (--[a-z-]+) "/g)].map(([, option]) => option!))
  expect(options.length).toBeGreaterThan(5)
  for (const option of options) expect(option === '--arch' ? '-a, --arch' : bench).toContain(option)
})

test('every step of a composite action that runs something names its shell', () => {
  expect(action.runs.using).toBe('composite')
  for (const { run, shell } of action.runs.steps) expect(run === undefined || shell === 'bash').toBe(true)
})

test('the workflow uses the action, with a base that it has', () => {
  const { jobs } = yaml('.github/workflows/bench.yml') as unknown as { jobs: Record<string, { steps: { uses?: string; with?: Record<string, unknown> }[] }> }
  const steps = jobs['bench']!.steps
  expect(steps.find(({ uses }) => uses === './')!.with).toHaveProperty('base')
  expect(steps.find(({ uses }) => uses?.startsWith('actions/checkout@'))!.with).toEqual({ 'fetch-depth': 0 })
  const tools = steps.flatMap(({ with: given }) => (given?.['tool'] === undefined ? [] : [given['tool']]))
  expect(tools).toEqual(['customSmallerIsBetter', 'customBiggerIsBetter'])
})
