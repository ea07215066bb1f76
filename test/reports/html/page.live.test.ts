import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { lab } from '../../cli/lab-process.ts'
import { makeRun, resultsFolder } from '../folders.ts'
import { CHROMIUM, openPage, type Page } from './browser.ts'
import { skippedUnless } from '../../skipped.ts'

let results: ReturnType<typeof resultsFolder>
let report: string
beforeAll(async () => {
  results = resultsFolder()
  // An hour, one sample a second.
  makeRun(results.path, { runId: 'hour', seconds: 1_800 })
  const { code, stderr } = await lab(['report', 'hour', '--results', results.path])
  expect(code, stderr).toBe(0)
  report = join(results.path, 'hour/report.html')
})
afterAll(() => results[Symbol.dispose]())

test('an hour makes a page of at most 1.5 MB', () => {
  expect(statSync(report).size).toBeLessThan(1.5e6)
})

test('formats, and where there is none of that name', async () => {
  expect((await lab(['report', 'hour', '--results', results.path, '--format', 'junit,openmetrics'])).stdout.trim().split('\n').map((path) => path.split('/').at(-1))).toEqual(['junit.xml', 'metrics.om.txt'])
  expect((await lab(['report', 'hour', '--results', results.path, '--format', 'json', '--stdout'])).stdout).toBe(readFileSync(join(results.path, 'hour/summary.json'), 'utf8'))
  expect(await lab(['report', 'hour', '--results', results.path, '--format', 'pdf'])).toMatchObject({ code: 2, stderr: expect.stringContaining('there are: json, md, html, junit, openmetrics, all') as string })
  expect((await lab(['report', 'hour', '--results', results.path, '--format', 'md,html', '--stdout'])).code).toBe(2)
})

test('a damaged folder keeps the report it has', async () => {
  const folder = makeRun(results.path, { runId: 'damaged' })
  await lab(['report', 'damaged', '--results', results.path])
  const before = readFileSync(join(folder, 'report.md'), 'utf8')
  writeFileSync(join(folder, 'events.ndjson'), 'rubbish\nmore\n')
  expect(await lab(['report', 'damaged', '--results', results.path])).toMatchObject({ code: 2, stderr: expect.stringMatching(/line 1 is not JSON/) as string })
  expect(readFileSync(join(folder, 'report.md'), 'utf8')).toBe(before)
})

/** Waits for what the page's program does by itself. */
async function until(page: Page, condition: string): Promise<void> {
  await page.evaluate(`new Promise((resolve, reject) => { const end = Date.now() + 20000; const look = () => ${condition} ? resolve() : Date.now() > end ? reject(new Error('never: ' + ${JSON.stringify(condition)})) : setTimeout(look, 50); look() })`)
}

const isInked = (canvas: string) => `(() => { const c = ${canvas}; const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; const seen = new Set(); for (let i = 0; i < d.length; i += 4) if (d[i + 3] > 200) seen.add(d[i] + ',' + d[i + 1] + ',' + d[i + 2]); return seen.size })()`

test.skipIf(CHROMIUM === undefined).each([
  ['wide', { width: 1300, height: 900 }, 2],
  ['phone', { width: 390, height: 800 }, 1],
])(`in a real browser, %s: charts are drawn, nothing is asked of the network, nothing is wider than the window${skippedUnless(CHROMIUM !== undefined, 'no Chromium on the PATH')}`, async (_name, size, columns) => {
  await using page = await openPage(pathToFileURL(report).href, size)
  await until(page, `document.querySelectorAll('#spectrum canvas').length > 0`)
  await until(page, `document.querySelectorAll('#charts canvas').length >= 5`)
  expect(await page.evaluate<number>(isInked(`document.querySelector('#charts canvas')`))).toBeGreaterThan(5)
  expect(await page.evaluate<number>(`getComputedStyle(document.querySelector('#charts')).gridTemplateColumns.split(' ').length`)).toBe(columns)
  expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(size.width)
  expect(page.complaints).toEqual([])
  expect(page.requests.filter((url) => !url.startsWith('file:') && !url.startsWith('blob:') && !url.startsWith('data:'))).toEqual([])
}, 60_000)

test.skipIf(CHROMIUM === undefined)(`in a real browser: one zoom for all, log scale, dark, every series as CSV${skippedUnless(CHROMIUM !== undefined, 'no Chromium on the PATH')}`, async () => {
  await using page = await openPage(pathToFileURL(report).href, { width: 1300, height: 900 })
  await until(page, `document.querySelectorAll('#spectrum canvas').length > 0`)
  const ticks = `[...document.querySelectorAll('#charts canvas')].map((c) => c.toDataURL())`
  const before = await page.evaluate<string[]>(ticks)
  const { x, y } = await page.evaluate<{ x: number; y: number }>(`(() => { const r = document.querySelector('#charts .u-over').getBoundingClientRect(); return { x: r.left, y: r.top + 40 } })()`)
  for (const [type, dx] of [['mouseMoved', 100], ['mousePressed', 100], ['mouseMoved', 180], ['mouseReleased', 180]] as const) {
    await page.send('Input.dispatchMouseEvent', { type, x: x + dx, y, button: type === 'mouseMoved' ? 'none' : 'left', buttons: type === 'mouseReleased' ? 0 : 1, clickCount: 1 })
  }
  await until(page, `${ticks}.every((url, i) => url !== ${JSON.stringify(before)}[i])`)

  const paper = () => page.evaluate<string>('getComputedStyle(document.body).backgroundColor')
  const light = await paper()
  await page.evaluate(`document.querySelector('#theme').click()`)
  expect(await paper()).not.toBe(light)

  await page.evaluate(`window.saved = []; URL.createObjectURL = (blob) => { window.saved.push(blob.text()); return 'blob:none' }; HTMLAnchorElement.prototype.click = () => undefined; document.querySelector('#csv').click(); [...document.querySelectorAll('#spectrum button')].at(-1).click()`)
  const [all, spectrum] = await page.evaluate<string[]>('Promise.all(window.saved)')
  expect(all!.split('\n')).toHaveLength(1 + 3_601 + 1)
  expect(all!.split('\n')[0]).toContain('"Events per second: accepted (/s)"')
  expect(spectrum).toMatch(/^percentile,"all|^percentile,"constant \(ms\)"/)
  const log = await page.evaluate<string>(`(() => { const b = [...document.querySelectorAll('#charts button')].find((one) => one.textContent === 'log'); b.click(); return b.textContent })()`)
  expect(log).toBe('linear')
  expect(page.complaints).toEqual([])
}, 60_000)
