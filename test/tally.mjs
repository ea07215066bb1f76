/** Adds up vitest's JSON reports: names what was skipped, ends with the one line that counts, fails when anything did. */
import { existsSync, readFileSync } from 'node:fs'

const [stepFailed, ...files] = process.argv.slice(2)
const total = { passed: 0, failed: 0, skipped: 0 }
for (const file of files) {
  if (!existsSync(file)) {
    total.failed += 1
    continue
  }
  for (const suite of JSON.parse(readFileSync(file, 'utf8')).testResults) {
    if (suite.status === 'failed' && suite.assertionResults.length === 0) total.failed += 1
    for (const { status, fullName } of suite.assertionResults) {
      if (status === 'passed') total.passed += 1
      else if (status === 'failed') total.failed += 1
      else {
        total.skipped += 1
        console.log(`skipped: ${fullName}`)
      }
    }
  }
}
if (stepFailed !== '0' && total.failed === 0) total.failed = 1
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
process.exitCode = total.failed > 0 ? 1 : 0
