/** Bundles one benchmark (its .sql and .tsx imports need it) and runs it: `node bench/run.mjs drain [arguments]`. */
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const [name, ...args] = process.argv.slice(2)
const root = fileURLToPath(new URL('..', import.meta.url))
mkdirSync(`${root}dist-test`, { recursive: true })
const outfile = `${root}dist-test/bench-${name}.js`
await build({
  entryPoints: [`${root}bench/${name}.ts`],
  outfile,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node22',
  packages: 'external',
  jsx: 'automatic',
  loader: { '.sql': 'text', '.html': 'text' },
  logLevel: 'warning',
})
process.exitCode = spawnSync(process.execPath, [outfile, ...args], { stdio: 'inherit', cwd: root }).status ?? 1
