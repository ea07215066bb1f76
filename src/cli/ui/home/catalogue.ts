import type { Architecture } from '../../../system/architecture.ts'
import type { KnobDescription } from '../../../system/knobs.ts'

/** One thing to choose among others. */
export interface Choice {
  id: string
  title: string
  /** Paragraphs. */
  says: readonly string[]
}

export interface ArchitectureChoice extends Choice {
  knobs: readonly KnobChoice[]
}

export interface KnobChoice extends KnobDescription {
  /** Every value it can have, where these can be counted; else it is typed. */
  values?: readonly string[]
}

export interface ScenarioChoice extends Choice {
  /** What it does when nobody says otherwise, by option. */
  defaults: Readonly<Record<string, string>>
}

/** Everything there is to choose from. */
export interface Catalogue {
  architectures: readonly ArchitectureChoice[]
  scenarios: readonly ScenarioChoice[]
  runtimes: readonly Choice[]
}

/** Why something cannot be had on this machine; absent: it can, or nobody has looked yet. */
export interface Lacks {
  /** By architecture, on plain processes. */
  locally: Readonly<Record<string, string>>
  docker?: string
}

export function architectureChoice(architecture: Pick<Architecture, 'id' | 'title' | 'flow'>, guarantee: string, knobs: readonly KnobDescription[], accepts: (knob: string, value: string) => boolean): ArchitectureChoice {
  return {
    id: architecture.id,
    title: architecture.title,
    says: [...architecture.flow.split('\n'), `Guarantee with these defaults: ${guarantee}`],
    knobs: knobs.map((knob) => {
      const values = valuesOf(knob).filter((value) => accepts(knob.name, value))
      return values.length > 1 && values.length === valuesOf(knob).length ? { ...knob, values } : knob
    }),
  }
}

/** `no | everysec | always`, and small ranges such as `0 … 3 (integer)`. */
function valuesOf({ allowed }: KnobDescription): string[] {
  const range = /^(\d+) … (\d+) \(integer\)$/.exec(allowed)
  if (range === null) return allowed.includes(' | ') ? allowed.split(' | ') : []
  const [from, to] = [Number(range[1]), Number(range[2])]
  return to - from < 5 ? Array.from({ length: to - from + 1 }, (_, index) => String(from + index)) : []
}
