import type { RunEvent } from '../run/events.ts'

type Untimed<E> = E extends unknown ? Omit<E, 'atMs'> : never

/** Tells one event of the run; its moment is added. */
export type Emit = (event: Untimed<RunEvent>) => void
