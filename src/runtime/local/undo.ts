/** Collects what has to be undone, newest first. (`AsyncDisposableStack` itself comes only with Node 24.) */
export interface Undo extends AsyncDisposable {
  use<T extends AsyncDisposable>(resource: T): T
  defer(step: () => Promise<void>): void
  /** Hands everything over: this one is empty then. */
  move(): AsyncDisposable
}

export function createUndo(): Undo {
  let steps: (() => Promise<void>)[] = []
  return {
    use(resource) {
      steps.push(async () => resource[Symbol.asyncDispose]())
      return resource
    },
    defer(step) {
      steps.push(step)
    },
    move() {
      const moved = steps
      steps = []
      return { [Symbol.asyncDispose]: () => undoAll(moved) }
    },
    [Symbol.asyncDispose]: () => undoAll(steps),
  }
}

/** One step's failure keeps no other from being taken. @throws the first */
async function undoAll(steps: (() => Promise<void>)[]): Promise<void> {
  const errors: unknown[] = []
  for (let step = steps.pop(); step; step = steps.pop()) await step().catch((error: unknown) => errors.push(error))
  if (errors.length > 0) throw errors[0]
}
