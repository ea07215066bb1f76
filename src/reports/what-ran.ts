import type { Machine, RunStarted, RunStatus } from '../run/events.ts'
import type { RunRecord } from '../run/record.ts'
import type { ServiceState } from '../run/state.ts'

/** What both kinds of summary say of a run: what ran, where, and how it ended. */
export interface WhatRan {
  runId: string
  scenario: string
  architecture: string
  knobs: RunStarted['knobs']
  guarantee: RunStarted['guarantee']
  runtime: string
  /** Services that somebody else ran. */
  external?: RunStarted['external']
  seed: number
  commandLine: string
  status: RunStatus | 'running'
  verdict?: { outcome: string; exitCode: number; reasons: string[]; remarks?: string[] }
  machine: Machine
  versions: Record<string, string>
  git?: RunStarted['git']
}

/** @param services those that tell their versions: the run's own, or those of a search's last probe */
export function whatRan({ run, state }: Pick<RunRecord, 'run' | 'state'>, services: readonly Pick<ServiceState, 'service' | 'version'>[]): WhatRan {
  return {
    runId: run.runId,
    scenario: run.scenario.id,
    architecture: run.architecture,
    knobs: run.knobs,
    guarantee: run.guarantee,
    runtime: run.runtime,
    ...(run.external && { external: run.external }),
    seed: run.seed,
    commandLine: run.commandLine,
    status: state.ended?.status ?? (state.verdict === undefined ? 'running' : 'complete'),
    verdict: state.verdict && { outcome: state.verdict.outcome, exitCode: state.verdict.exitCode, reasons: state.verdict.reasons, ...(state.verdict.remarks && { remarks: state.verdict.remarks }) },
    machine: run.machine,
    versions: { ...run.versions, ...Object.fromEntries(services.flatMap(({ service, version }) => (version === undefined ? [] : [[service, version]]))) },
    git: run.git,
  }
}
