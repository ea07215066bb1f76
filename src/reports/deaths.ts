import type { RunEvent } from '../run/events.ts'

type Death = Pick<Extract<RunEvent, { type: 'service-exited' }>, 'service' | 'code' | 'signal' | 'willRestart' | 'lastLines'>

/** What Node (V8) writes when it has no heap left, just before it aborts itself. */
const OUT_OF_MEMORY = /heap out of memory|node::OOMErrorHandler/

/** `SIGABRT, out of memory` */
export function howItDied({ code, signal, lastLines }: Omit<Death, 'service' | 'willRestart'>): string {
  const how = signal ?? `exit code ${code}`
  return lastLines.some((line) => OUT_OF_MEMORY.test(line)) ? `${how}, out of memory` : how
}

/** The end of its log without the frames of a native stack, which say nothing to whoever reads a report. */
export function lastWords(lines: readonly string[]): string[] {
  return lines.filter((line) => !/^\s*\d+: 0x|Native stack trace/.test(line))
}

/** One sentence for each way in which a service died: `aggregator died by itself (SIGABRT, out of memory) and was restarted, 4 times`. */
export function deathSentences(deaths: readonly Death[]): string[] {
  const times = new Map<string, number>()
  for (const death of deaths) {
    const says = `${death.service} died by itself (${howItDied(death)})${death.willRestart ? ' and was restarted' : ''}`
    times.set(says, (times.get(says) ?? 0) + 1)
  }
  return [...times].map(([says, count]) => (count === 1 ? says : `${says}, ${count} times`))
}
