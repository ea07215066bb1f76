import { shellWord } from '../../shell-word.ts'
import type { Catalogue, KnobChoice } from './catalogue.ts'

/** What is to be run. Only what differs from the defaults is in it, as it would be typed. */
export interface Form {
  arch: string
  scenario: string
  /** Absent: the lab decides. */
  runtime?: string
  options: Readonly<Partial<Record<OptionName, string>>>
  /** Texts of `--fault`. */
  faults: readonly string[]
  /** By architecture, so that looking at another one loses nothing. */
  knobs: Readonly<Record<string, Readonly<Record<string, string>>>>
}

export const OPTIONS = {
  rate: { takes: 'arrivals per second, 0.1 … 100000', says: 'Base rate; the phases of the scenario are multiples of it.' },
  duration: { takes: '90, 90s, 5m, 1h', says: 'Length of the load; every phase is stretched alike.' },
  history: { takes: '500000, 500k, 10M', says: 'Orders of the last 30 days that are there before the load begins.' },
  connections: { takes: '1 … 10000', says: 'Keep-alive connections of the injector.' },
  subscribers: { takes: '0 … 20000', says: 'WebSocket subscribers of the dashboard.' },
  retries: { takes: '0 … 10', says: 'Further attempts with the same id when an order is refused with 503 or its fate is unknown.' },
  seed: { takes: '0 … 2147483647', says: 'Of bodies and arrivals: the same seed sends the same orders.' },
} as const satisfies Record<string, { takes: string; says: string }>

export type OptionName = keyof typeof OPTIONS
export const OPTION_NAMES = Object.keys(OPTIONS) as OptionName[]

/** One line of the form. */
export interface Field {
  /** Unique: `arch`, `scenario`, `runtime`, `faults`, the name of an option, or `knob:batch`. */
  id: string
  label: string
  /** What would be typed; '' stands for the default. */
  value: string
  fallback: string
  takes: string
  says: readonly string[]
  /** To be chosen from; absent: typed. */
  values?: readonly string[]
  /** First of a group, under this heading. */
  heading?: string
}

const AUTOMATIC = 'automatic'

export function firstForm(catalogue: Catalogue): Form {
  const arch = catalogue.architectures.find(({ id }) => id === 'v2') ?? catalogue.architectures[0]!
  return { arch: arch.id, scenario: catalogue.scenarios[0]!.id, options: {}, faults: [], knobs: {} }
}

/** All lines, from top to bottom. */
export function fieldsOf(form: Form, catalogue: Catalogue): Field[] {
  const arch = catalogue.architectures.find(({ id }) => id === form.arch)
  const scenario = catalogue.scenarios.find(({ id }) => id === form.scenario)
  const runtime = catalogue.runtimes.find(({ id }) => id === (form.runtime ?? AUTOMATIC))
  const chosen = (id: string, value: string, among: readonly { id: string }[], what: { title: string; says: readonly string[] } | undefined): Field => ({
    id, label: LABELS[id]!, value, fallback: '', takes: what?.title ?? '', says: what?.says ?? [], values: among.map((one) => one.id),
  })
  const options = OPTION_NAMES.map((name): Field => ({
    id: name, label: name, value: form.options[name] ?? '', fallback: scenario?.defaults[name] ?? '', takes: OPTIONS[name].takes, says: [OPTIONS[name].says],
  }))
  const faults: Field = {
    id: 'faults', label: 'faults', value: form.faults.join(' '), fallback: scenario?.defaults['faults'] ?? 'none', takes: 'kill:worker@20s pause:redis@30s+5s',
    says: ['What is broken on purpose while the load goes on, and always healed: <fault>:<service>@<at>[+<for>], several with spaces between.'],
  }
  const knobs = (arch?.knobs ?? []).map((knob, index) => ({ ...knobField(knob, form), ...(index === 0 && { heading: `knobs of ${form.arch}` }) }))
  return [
    chosen('arch', form.arch, catalogue.architectures, arch),
    chosen('scenario', form.scenario, catalogue.scenarios, scenario),
    chosen('runtime', form.runtime ?? AUTOMATIC, catalogue.runtimes, runtime),
    ...options.map((field, index) => (index === 0 ? { ...field, heading: 'load' } : field)),
    faults,
    ...knobs,
  ]
}

const LABELS: Record<string, string> = { arch: 'architecture', scenario: 'scenario', runtime: 'runtime' }

function knobField(knob: KnobChoice, form: Form): Field {
  return {
    id: `knob:${knob.name}`, label: knob.name, value: form.knobs[form.arch]?.[knob.name] ?? '', fallback: String(knob.default), takes: knob.allowed, says: [knob.description],
    ...(knob.values && { values: knob.values }),
  }
}

/** The form with another value in one field; '' or the default takes it out. */
export function withValue(form: Form, field: Field, text: string): Form {
  const value = plain(text)
  const kept = value === '' || value === field.fallback ? undefined : value
  switch (field.id) {
    case 'arch':
      return { ...form, arch: value }
    case 'scenario':
      return { ...form, scenario: value }
    case 'runtime': {
      const { runtime: _, ...rest } = form
      return value === AUTOMATIC || value === '' ? rest : { ...rest, runtime: value }
    }
    case 'faults':
      return { ...form, faults: kept === undefined ? [] : kept.split(' ') }
    default:
      return field.id.startsWith('knob:')
        ? { ...form, knobs: { ...form.knobs, [form.arch]: having(form.knobs[form.arch], field.id.slice('knob:'.length), kept) } }
        : { ...form, options: having(form.options, field.id, kept) }
  }
}

/** One line, without blanks at its ends or anything that steers a terminal. */
function plain(text: string): string {
  return text.replace(/[\p{Control}\p{Surrogate}\u2028\u2029]/gu, '').replace(/\s+/g, ' ').trim()
}

function having(values: Readonly<Record<string, string>> | undefined, name: string, value: string | undefined): Record<string, string> {
  const { [name]: _, ...rest } = values ?? {}
  return value === undefined ? rest : { ...rest, [name]: value }
}

/** Arguments of `lab` that run it. */
export function wordsOf(form: Form): string[] {
  return [
    'run', form.scenario, '--arch', form.arch,
    ...(form.runtime === undefined ? [] : ['--runtime', form.runtime]),
    ...OPTION_NAMES.flatMap((name) => (form.options[name] === undefined ? [] : [`--${name}`, form.options[name]])),
    ...form.faults.flatMap((fault) => ['--fault', fault]),
    ...Object.entries(form.knobs[form.arch] ?? {}).flatMap(([name, value]) => ['--set', `${name}=${value}`]),
  ]
}

/** The same, to be pasted into a shell. */
export function commandOf(form: Form): string {
  return ['./lab', ...wordsOf(form).map(shellWord)].join(' ')
}

/** The command on lines of at most `width` cells that a shell reads as one: broken before an option, with `\` at the end. */
export function commandLines(form: Form, width: number): string[] {
  const words = ['./lab', ...wordsOf(form).map(shellWord)]
  const pieces: string[] = []
  words.forEach((word, index) => {
    const follows = index < 3 || words[index - 1]!.startsWith('--')
    if (follows && pieces.length > 0) pieces.push(`${pieces.pop()} ${word}`)
    else pieces.push(word)
  })
  const lines: string[] = []
  for (const piece of pieces) {
    const line = lines.at(-1)
    if (line !== undefined && line.length + piece.length + 3 <= width) lines[lines.length - 1] = `${line} ${piece}`
    else lines.push(lines.length === 0 ? piece : `  ${piece}`)
  }
  return lines.map((line, index) => (index < lines.length - 1 ? `${line} \\` : line))
}
