import { basename } from 'node:path'
import { loadArchitecture } from '../../experiment/plan.ts'
import { EXIT, LabError } from '../../run/errors.ts'
import { faults } from '../../faults/index.ts'
import { readRunFile, runFolders } from '../../run/find.ts'
import { isAlive } from '../../runtime/processes.ts'
import { scenarios } from '../../scenarios/index.ts'
import type { Scenario } from '../../scenarios/scenario.ts'
import { architectures } from '../../system/architectures/index.ts'
import { describeKnobs } from '../../system/knobs.ts'

const WHAT = ['all', 'architectures', 'scenarios', 'faults', 'knobs', 'runs'] as const

export async function listCommand(what: string, options: { arch?: string; json?: boolean; results: string }): Promise<void> {
  if (!(WHAT as readonly string[]).includes(what)) throw new LabError(EXIT.usage, `cannot list '${what}'`, `lab list ${WHAT.join(' | ')}`)
  const found: Record<string, unknown[]> = {}
  if (what === 'all' || what === 'architectures') found['architectures'] = await listArchitectures()
  if (what === 'all' || what === 'scenarios') found['scenarios'] = Object.values(scenarios).map(({ id, title, says, phases, search, faultsFromSeconds }: Scenario) => ({ id, title, says, ...(search && { each: 'probe' }), ...(faultsFromSeconds !== undefined && { andFaults: true }), seconds: phases.reduce((sum, phase) => sum + phase.seconds, 0) }))
  if (what === 'all' || what === 'faults') found['faults'] = Object.entries(faults).map(([name, { says }]) => ({ name, says }))
  if (what === 'all' || what === 'knobs') found['knobs'] = await listKnobs(options.arch)
  if (what === 'runs') found['runs'] = await listRuns(options.results)
  process.stdout.write(options.json === true ? `${JSON.stringify(found, null, 2)}\n` : render(found))
}

async function listArchitectures(): Promise<unknown[]> {
  return Promise.all(
    Object.keys(architectures).map(async (id) => {
      const { title, flow } = await loadArchitecture(id)
      return { id, title, flow }
    }),
  )
}

async function listKnobs(arch: string | undefined): Promise<unknown[]> {
  const ids = arch === undefined ? Object.keys(architectures) : [arch]
  const all = await Promise.all(ids.map(async (id) => describeKnobs(await loadArchitecture(id)).map((knob) => ({ arch: id, ...knob }))))
  return all.flat()
}

async function listRuns(resultsDir: string): Promise<unknown[]> {
  return Promise.all(
    (await runFolders(resultsDir)).map(async (folder) => {
      const found = await readRunFile(folder).catch((error: unknown) => {
        if (!(error instanceof LabError)) throw error
      })
      // One damaged folder does not hide all others.
      if (found === undefined) return { id: basename(folder), status: 'damaged' }
      const { scenario, architecture, status, exitCode, startedAt, lab } = found
      // Whoever was killed could not write down its end.
      const ended = status === 'running' && !isAlive(lab) ? 'cut off' : status
      return { id: basename(folder), scenario: scenario.id, architecture, status: ended, exitCode, startedAt }
    }),
  )
}

function render(found: Record<string, unknown[]>): string {
  return Object.entries(found)
    .map(([name, rows]) => `${name}\n${rows.length === 0 ? '  none\n' : rows.map((row) => RENDERERS[name]!(row as Record<string, never>)).join('')}`)
    .join('\n')
}

const RENDERERS: Record<string, (row: Record<string, unknown>) => string> = {
  architectures: ({ id, title, flow }) => `  ${String(id).padEnd(6)} ${title}\n${indent(String(flow))}`,
  scenarios: ({ id, title, says, seconds, each, andFaults }) => `  ${String(id).padEnd(10)} ${title} (${Math.round(Number(seconds))} s${each === undefined ? '' : ` a ${each}`}${andFaults ? ' at least' : ''})\n${indent(String(says))}`,
  faults: ({ name, says }) => `  ${String(name).padEnd(11)} ${says}\n`,
  knobs: ({ arch, name, default: fallback, allowed, description }) => `  ${String(arch).padEnd(6)} ${`${name}=${fallback}`.padEnd(22)} ${allowed}\n${indent(String(description))}`,
  runs: ({ id, status, exitCode, startedAt }) => `  ${String(id).padEnd(48)} ${String(status).padEnd(10)} exit ${exitCode ?? '–'}  ${startedAt ?? '–'}\n`,
}

function indent(text: string): string {
  return `${text.split('\n').map((line) => `         ${line}`).join('\n')}\n`
}
