import type { RunningService } from './runtime.ts'

/** A replica of a service over all its lives, as those who bring systems up, scale them and take them down see it: a process, or a container. */
export interface Managed extends RunningService {
  /** Starts it; resolves as soon as it runs. */
  launch(): Promise<void>
  /** Resolves when a one-shot has ended with 0. @throws ServiceFailed otherwise */
  completed(signal: AbortSignal): Promise<void>
  /** Ends it for good; never throws. */
  discard(graceMs: number): Promise<void>
}
