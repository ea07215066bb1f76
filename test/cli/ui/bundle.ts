import { mkdirSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('../../../', import.meta.url))

/** Bundles a script that reaches .tsx (which Node does not strip) into a folder of its own, from where packages still resolve. */
export async function bundled(script: string, name: string): Promise<{ file: string } & Disposable> {
  const outdir = `${root}node_modules/.cache/load-lab-${name}-${process.pid}`
  mkdirSync(outdir, { recursive: true })
  await build({
    absWorkingDir: root,
    entryPoints: { [name]: script },
    outdir,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node22',
    packages: 'external',
    jsx: 'automatic',
    outExtension: { '.js': '.mjs' },
    logLevel: 'warning',
  })
  return { file: `${outdir}/${name}.mjs`, [Symbol.dispose]: () => rmSync(outdir, { recursive: true, force: true }) }
}
