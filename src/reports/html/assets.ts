import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { EXIT, LabError } from '../../run/errors.ts'
import { distDir } from '../../runtime/entry.ts'
import type { PageAssets } from './html.ts'

/** The page's program as `build.mjs` bundles it for browsers. */
export async function pageAssets(): Promise<PageAssets> {
  const path = (name: string) => join(distDir(), name)
  if (!existsSync(path('report-page.js'))) throw new LabError(EXIT.prerequisite, `${path('report-page.js')} is missing`, 'build it: npm run build')
  const [script, style] = await Promise.all([readFile(path('report-page.js'), 'utf8'), readFile(path('report-page.css'), 'utf8')])
  return { script, style }
}
