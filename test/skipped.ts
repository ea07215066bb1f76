/** For the end of a test's name: where it is skipped, why. Empty where it is played. */
export function skippedUnless(condition: boolean, why: string): string {
  return condition ? '' : ` (skipped: ${why})`
}
