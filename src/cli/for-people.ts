/** Does somebody sit at both ends, and not a pipeline? */
export function isForPeople(env: NodeJS.ProcessEnv): boolean {
  const ci = env.CI ?? ''
  return process.stdin.isTTY === true && process.stdout.isTTY === true && env.TERM !== 'dumb' && (ci === '' || ci === 'false' || ci === '0')
}
