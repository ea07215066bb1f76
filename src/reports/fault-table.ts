import type { RunRecord } from '../run/record.ts'
import { neverInjected, type FaultFigures } from './faults.ts'
import { faultLabel } from '../run/state.ts'
import type { Summary } from './summarise.ts'
import { table } from './table.ts'

/** What was broken when, what clients saw of it, and whether that is what the architecture says. */
export function faultSection(record: RunRecord, { faults }: Summary): string {
  const { links = [] } = record.run
  const missing = neverInjected(record)
  if (faults.length === 0 && missing.length === 0) return ''
  const head = ['fault', 'at s', 'lasted s', 'ok', 'rejected', 'unknown', 'never sent', 'failed reads', 'recovered after s', 'as expected']
  const judged = faults.filter(({ expected }) => expected !== undefined).map((one) => `- ${faultLabel(one)}: ${one.expected!.says} Seen: ${one.says}.`)
  return [
    '## Faults',
    faults.length === 0 ? '' : table(head, faults.map(row), 1),
    faults.length === 0 ? '' : 'Events from the injection until clients had recovered: nothing failed any more and the backlog was back, for two seconds, counted from the moment the fault was lifted. One sample a second.',
    links.length === 0 ? '' : `Between ${links.join(' and ')} and ${links.length === 1 ? 'its' : 'their'} clients stood a proxy of the lab for the whole run, before and after the faults too (${links.map((name) => `${name}-link`).join(', ')} among the services): compare with runs that had it as well.`,
    faults.length === 0 ? '' : table(['fault', 'went well', 'answered', 'first success s', 'drained s', 'lost', 'duplicated', 'phantom', 'recovered', 'codes'], faults.map(after), 1),
    faults.length === 0 ? '' : AFTER,
    judged.join('\n'),
    missing.map((line) => `- ${line}`).join('\n'),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
}

const AFTER =
  'Went well, answered: shares of the events and reads that ended until clients had recovered; answered is done or refused, so that one knows. First success and drained: from the moment the fault was lifted. Lost to recovered: of events due from 5 s before the fault until 5 s before the next, what the guarantee allows to lose included. Codes: attempts, by HTTP status or what broke.'

function after(figures: FaultFigures): string[] {
  const { availability, firstSuccessAfterSeconds, drainedAfterSeconds, accounting, codes } = figures
  const share = (part: number | undefined) => (part === undefined ? '–' : `${(Math.floor(part * 10_000) / 100).toFixed(2)} %`)
  const seconds = (value: number | undefined) => (value === undefined ? 'not seen' : String(value))
  const told = Object.entries(codes).sort(([, a], [, b]) => b - a).map(([code, times]) => `${code} × ${int(times)}`)
  const kinds = (['lost', 'duplicated', 'phantom', 'recovered'] as const).map((kind) => (accounting === undefined ? '–' : int(accounting[kind])))
  return [faultLabel(figures), share(availability?.ok), share(availability?.answered), seconds(firstSuccessAfterSeconds), seconds(drainedAfterSeconds), ...kinds, told.length === 0 ? 'none' : told.join(', ')]
}

function int(value: number): string {
  return value.toLocaleString('en-US')
}

function row(figures: FaultFigures): string[] {
  const { atSeconds, lastedSeconds, clients, recoveredAfterSeconds, met } = figures
  return [
    faultLabel(figures),
    atSeconds.toFixed(1),
    lastedSeconds === undefined ? 'not healed' : lastedSeconds.toFixed(1),
    int(clients.ok),
    int(clients.rejected),
    int(clients.unknown),
    int(clients.neverSent),
    int(clients.failedReads),
    recoveredAfterSeconds === undefined ? 'not seen' : String(recoveredAfterSeconds),
    met === true ? 'yes' : met === false ? '**no**' : 'not judged',
  ]
}
