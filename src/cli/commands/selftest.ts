import { EXIT } from '../../run/errors.ts'
import { selftest, type SelftestResult } from '../../selftest/selftest.ts'

export async function selftestCommand(options: { json?: boolean }): Promise<void> {
  const results = await selftest({
    onResult({ ok, name, tookMs }) {
      if (options.json !== true) process.stderr.write(`${ok ? 'ok  ' : 'FAIL'} ${name} (${(tookMs / 1_000).toFixed(1)} s)\n`)
    },
  })
  process.stdout.write(options.json === true ? `${JSON.stringify(results, null, 2)}\n` : results.map(render).join('\n'))
  if (results.some((result) => !result.ok)) process.exitCode = EXIT.expectation
}

function render({ name, says, ok, checks }: SelftestResult): string {
  const lines = checks.map((check) => `  ${check.ok ? 'ok  ' : 'FAIL'} ${check.says}: expected ${check.expected}, measured ${check.measured}\n`)
  return `${ok ? 'ok  ' : 'FAIL'} ${name}: ${says}\n${lines.join('')}`
}
