import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { linkedServices } from '../faults/check.ts'
import { readMachineFacts } from '../measure/machine.ts'
import { packageRoot } from '../runtime/entry.ts'
import { placeOf } from '../runtime/external/external.ts'
import type { RunStarted } from '../run/events.ts'
import type { RunPlan } from './plan.ts'
import { faultListOf } from './plan-faults.ts'

/** What is about to run, on what, and how to run it again. */
export async function describeRun(plan: RunPlan): Promise<RunStarted> {
  const { architecture, scenario } = plan
  const links = linkedServices(scenario.faults, plan.runtime.name)
  return {
    type: 'run-started',
    schemaVersion: 1,
    runId: plan.runId,
    scenario,
    baseRate: plan.baseRate,
    architecture: architecture.id,
    title: architecture.title,
    flow: architecture.flow,
    knobs: plan.knobs,
    guarantee: guaranteeOf(plan),
    faultExpectations: faultListOf(architecture, plan.knobs),
    runtime: plan.runtime.name,
    ...(links.length > 0 && { links }),
    ...(plan.external.length > 0 && { external: plan.external.map(({ service, external }) => ({ service, at: placeOf(external) })) }),
    seed: plan.seed,
    runTag: plan.runTag,
    ...(plan.history > 0 && { history: plan.history }),
    ...(plan.observe && { observe: plan.observe }),
    commandLine: plan.commandLine,
    versions: { lab: await ownVersion(), node: process.versions.node, ...plan.runtime.versions },
    machine: { ...readMachineFacts(), placement: 'injector, subscribers, lab and system share all cores' },
    git: await gitState(),
  }
}

/** What servers of others keep is their business: the lab can only say that it did not set it. */
function guaranteeOf({ architecture, knobs, external }: RunPlan): RunStarted['guarantee'] {
  const guarantee = architecture.guarantee(knobs)
  if (external.length === 0) return guarantee
  return { ...guarantee, says: `${guarantee.says} What ${external.map(({ service }) => service).join(' and ')} keeps in a crash is as that server is configured, not as the lab would have it.` }
}

async function ownVersion(): Promise<string> {
  return (JSON.parse(await readFile(join(packageRoot, 'package.json'), 'utf8')) as { version: string }).version
}

/** `undefined` where this is no git checkout, or git is not there. */
async function gitState(): Promise<RunStarted['git']> {
  const git = promisify(execFile)
  try {
    const commit = (await git('git', ['rev-parse', '--short=12', 'HEAD'], { cwd: packageRoot })).stdout.trim()
    const changes = (await git('git', ['status', '--porcelain', '--untracked-files=no'], { cwd: packageRoot })).stdout.trim()
    return { commit, dirty: changes !== '' }
  } catch {
    return undefined
  }
}
