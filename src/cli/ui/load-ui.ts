/**
 * Ink and React come only now, so that commands without a picture start fast. React picks its build by NODE_ENV
 * when it is loaded: its development build takes twice as long for a frame and keeps a performance entry for each.
 * Ink colours its own messages whatever NO_COLOR says, unless FORCE_COLOR is 0 when it is loaded.
 */
export async function loadUi<T>(color: boolean, load: () => Promise<T>): Promise<T> {
  const { NODE_ENV, FORCE_COLOR } = process.env
  process.env.NODE_ENV = 'production'
  if (!color) process.env.FORCE_COLOR = '0'
  try {
    return await load()
  } finally {
    restoreEnv('NODE_ENV', NODE_ENV)
    restoreEnv('FORCE_COLOR', FORCE_COLOR)
  }
}

function restoreEnv(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name]
  else process.env[name] = value
}
