import { faultLabel } from '../run/state.ts'
import { deathSentences } from './deaths.ts'
import { WRONGS } from './reconcile.ts'
import type { RunRecord } from '../run/record.ts'
import type { Summary } from './summarise.ts'
import { verdictLine } from './markdown.ts'
import { element, xmlText } from './xml.ts'

interface Case {
  group: 'run' | 'expectations' | 'accounting' | 'validity'
  name: string
  outcome: 'passed' | 'failed' | 'error' | 'skipped'
  says?: string
}

/**
 * `junit.xml`: a case for every expectation, every way in which data can be wrong, and every check of the measurement itself, so that a CI
 * shows what did not hold by its name. Failed: the system; error: the run or the measurement; skipped: not measured.
 */
export function junitReport(record: RunRecord, summary: Summary): string {
  const cases = [...ofTheRun(record, summary), ...ofExpectations(summary), ...ofAccounting(record, summary), ...ofValidity(summary)]
  const seconds = record.samples.filter(({ second }) => second > 0).length
  const name = `${summary.scenario} on ${summary.architecture}`
  const properties = { run: summary.runId, command: summary.commandLine, ...prefixed('knob', summary.knobs), ...prefixed('version', summary.versions) }
  const suites = Map.groupBy(cases, ({ group }) => group)
  const written = [...suites].map(([group, those]) =>
    element('testsuite', { name: `${name}: ${group}`, ...counts(those), time: group === 'run' ? seconds : 0, timestamp: startedAt(record) }, [
      ...(group === 'run' ? [element('properties', {}, Object.entries(properties).map(([key, value]) => element('property', { name: key, value: String(value) })))] : []),
      ...those.map((one) => caseElement(one, name, group === 'run' ? seconds : 0)),
    ]),
  )
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element('testsuites', { name, ...counts(cases), time: seconds }, written)}\n`
}

function caseElement({ group, name, outcome, says }: Case, run: string, time: number): string {
  const tags = { passed: undefined, failed: 'failure', error: 'error', skipped: 'skipped' } as const
  const tag = tags[outcome]
  const message = says ?? name
  const inside = tag === undefined ? [] : [tag === 'skipped' ? element(tag, { message }) : `<${tag} message="${xmlText(message.split('\n')[0]!)}">${xmlText(message)}</${tag}>`]
  return element('testcase', { classname: `${run}.${group}`, name, time }, inside)
}

function counts(cases: readonly Case[]): { tests: number; failures: number; errors: number; skipped: number } {
  const of = (outcome: Case['outcome']) => cases.filter((one) => one.outcome === outcome).length
  return { tests: cases.length, failures: of('failed'), errors: of('error'), skipped: of('skipped') }
}

/** Without a verdict the run itself went wrong. With one, why it failed is told by the cases that follow. */
function ofTheRun({ deaths, state }: RunRecord, summary: Summary): Case[] {
  const without = [verdictLine(summary), state.ended?.why].filter((line) => line !== undefined).join('\n')
  const died = deathSentences(deaths.filter((death) => !death.willRestart))
  return [
    { group: 'run', name: 'comes to a verdict', outcome: summary.verdict === undefined ? 'error' : 'passed', says: without },
    { group: 'run', name: 'no service dies by itself', outcome: died.length > 0 ? 'failed' : 'passed', says: died.join('\n') },
  ]
}

/** A name holds no measured value, or a CI would take every run for another test; what was measured is in the message. */
function ofExpectations({ expectations, faults }: Summary): Case[] {
  const ofFaults = faults.filter(({ expected }) => expected !== undefined)
  const own = expectations.slice(0, expectations.length - ofFaults.length)
  return [
    ...own.map(({ says, met }): Case => ({ group: 'expectations', name: says.replace(/, without .*? \(an added fault\)/, '').replace(/, measured .*$/, ''), outcome: outcomeOf(met), says })),
    ...ofFaults.map((one): Case => ({ group: 'expectations', name: `${faultLabel(one)} at ${one.atSeconds.toFixed(0)} s: ${one.expected!.says}`, outcome: outcomeOf(one.met), says: one.says })),
  ]
}

function ofAccounting({ run, state }: RunRecord, { accounting, trespass }: Summary): Case[] {
  const group = 'accounting'
  if (accounting === undefined) return [{ group, name: 'every event is accounted for', outcome: 'skipped', says: 'the run ended before it could be' }]
  const none = (name: string, count: number, says: string): Case => ({ group, name, outcome: count > 0 ? 'failed' : 'passed', says })
  const found = (kind: string, count: number, examples: readonly string[]) => `${count} ${kind}${examples.length > 0 ? `:\n${examples.join('\n')}` : ''}`
  return [
    ...WRONGS.map((kind) => none(`no event is ${kind}${kind === 'lost' && run.guarantee.mayLose !== false ? ' beyond what the guarantee allows' : ''}`, accounting[kind] - (kind === 'lost' ? accounting.lostExcused : 0), found(kind, accounting[kind], accounting.examples[kind]))),
    ...(accounting.leaked === undefined ? [] : [none('no event is stored for somebody else', accounting.leaked, found('leaked', accounting.leaked, accounting.examples.leaked ?? []))]),
    none('the dashboard shows what is stored', accounting.miscounted.length, accounting.miscounted.map(({ figure, shown, expected }) => `${figure} shows ${shown}, the stored ids make ${expected}`).join('\n')),
    ...(accounting.history === undefined ? [] : [none('history is as it was written', accounting.history.lost + accounting.history.duplicated + accounting.history.altered, `${accounting.history.lost} lost, ${accounting.history.duplicated} duplicated, ${accounting.history.altered} altered`)]),
    ...(trespass === undefined ? [] : [none('every border between callers holds', trespass.leaks, trespass.examples.map(({ tried, leaked }) => `${tried}: ${leaked}`).join('\n'))]),
    ...(state.settle === undefined ? [] : [none('the backlog drains', state.settle.drained ? 0 : 1, `${state.settle.backlog} events left ${(state.settle.tookMs / 1_000).toFixed(1)} s after the load`)]),
  ]
}

function ofValidity({ validity }: Summary): Case[] {
  return validity.map(({ check, ok, says }) => ({ group: 'validity', name: check, outcome: ok === true ? 'passed' : ok === false ? 'error' : 'skipped', says }))
}

function outcomeOf(met: boolean | 'not measured' | 'not judged'): Case['outcome'] {
  return met === true ? 'passed' : met === false ? 'failed' : 'skipped'
}

function prefixed(prefix: string, values: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [`${prefix}.${key}`, String(value)]))
}

/** Without a zone, in UTC: what readers of JUnit expect. */
function startedAt({ state, samples }: RunRecord): string | undefined {
  const atMs = state.loadStartAtMs ?? samples[0]?.atMs
  return atMs === undefined ? undefined : new Date(atMs).toISOString().slice(0, 19)
}
