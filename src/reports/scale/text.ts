import type { Machine } from '../../run/events.ts'
import { QUESTIONS, type Question, type ScaleSize, type Step } from '../../scenarios/scale/step.ts'
import { int, mib } from '../numbers.ts'
import { claimSection } from './claim-table.ts'
import { improvementSection } from './improvements.ts'
import { moveSection } from './moves.ts'
import { resultsOf, type StepResult } from './result.ts'
import { aggregationSection, insertSection, redisSection, socketSection } from './system-limits.ts'

/** The first line of every SCALE.md of the lab: what has it may be written anew. */
export const MARKER = '<!-- written by lab scale from the results of its runs: lab scale writes it anew -->'

export interface Scale {
  size: ScaleSize
  /** The whole plan, whatever part of it was run. */
  steps: readonly Step[]
  found: readonly StepResult[]
  /** By step: why its newest run did not come to its end. */
  failures: ReadonlyMap<string, string>
}

/** SCALE.md, whole. Pure: the same results make the same text. */
export function scaleText({ size, steps, found, failures }: Scale): string {
  const results = resultsOf(found, failures, new Set(steps.map(({ id }) => id)))
  const sections: Record<Question, () => string> = {
    1: () => insertSection(results, size),
    2: () => aggregationSection(results, size),
    3: () => redisSection(results, size),
    4: () => socketSection(results, size),
    5: () => improvementSection(results, size),
    6: () => claimSection(results, size),
    7: () => moveSection(results, size),
  }
  return [MARKER, '# Where it breaks, and what each change buys', preface(size, steps, found), ...QUESTIONS.map((question) => sections[question]())].join('\n\n').concat('\n')
}

function preface(size: ScaleSize, steps: readonly Step[], found: readonly StepResult[]): string {
  const wanted = steps.reduce((sum, { repetitions }) => sum + repetitions, 0)
  const whats = found.flatMap(({ summary, search }) => summary ?? search ?? [])
  const machines = [...new Set(whats.map(({ machine }) => machineText(machine)))]
  const commits = [...new Set(whats.flatMap(({ git }) => (git === undefined ? [] : [`${git.commit.slice(0, 12)}${git.dirty ? ', with changes' : ''}`])))]
  return [
    `By \`./lab scale${size === 'quick' ? ' --quick' : ''}\`: ${int(found.length)} of ${int(wanted)} runs.${size === 'quick' ? ' The short form: a run of each, seconds long, so that no figure has an interval.' : ''}`,
    machines.length === 0 ? 'Nothing was measured yet.' : `Measured on: ${machines.join('; ')}.${machines.length > 1 ? ' **Several machines: rows are not comparable with each other.**' : ''}`,
    commits.length === 0 ? '' : `Code: ${commits.join('; ')}.`,
    'Sender and system share the machine, so every rate is of both together. A dash is a figure that no run gives or none that can be believed; the last column has the runs, or what is missing.',
  ]
    .filter((line) => line !== '')
    .join('\n')
}

function machineText({ cpuModel, cores, memoryBytes, kernel, placement }: Machine): string {
  return `${cpuModel}, ${cores} cores, ${mib(memoryBytes)}, ${kernel}; ${placement}`
}
