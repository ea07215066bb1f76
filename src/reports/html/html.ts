import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import type { RunRecord } from '../../run/record.ts'
import { markdownSections } from '../markdown.ts'
import { flowPicture, type Picture } from '../picture.ts'
import type { Summary } from '../summarise.ts'
import { pageData } from './chart-data.ts'
import { escapeHtml, proseHtml } from './prose.ts'

/** The page's own program and its looks, as they were built. */
export interface PageAssets {
  script: string
  style: string
}

/**
 * `report.html`: one file that needs no network and nothing beside it. The words are those of report.md and can be read without the
 * page's program, which draws the charts; no other program can run in it, whatever a service may have printed.
 */
export function htmlReport(record: RunRecord, summary: Summary, { script, style }: PageAssets): string {
  const { title, answer, how, after } = markdownSections(record, summary)
  const outcome = summary.verdict?.outcome ?? summary.status
  const data = gzipSync(JSON.stringify(pageData(record)), { level: 9 }).toString('base64')
  const program = script.replaceAll('</script', '<\\/script')
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${createHash('sha256').update(program).digest('base64')}'">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(`${outcome}: ${title}`)}</title>
<style>${style}</style>
</head>
<body>
<header>
<span class="badge ${escapeHtml(outcome)}">${escapeHtml(outcome.toUpperCase())}</span>
<h1>${escapeHtml(title)}</h1>
<span class="tools"><button id="csv" hidden>All series as CSV</button><button id="theme" hidden>Dark</button></span>
</header>
<main>
<section class="answer">${proseHtml(answer)}</section>
<section><h2>The way of an event</h2>${pictureHtml(flowPicture(record, summary))}</section>
<section id="charts"><noscript>The charts need JavaScript; everything below does not.</noscript></section>
<section id="spectrum"></section>
<section class="prose">${proseHtml(how)}</section>
<section class="prose">${proseHtml(after)}</section>
</main>
<script type="text/plain" id="data">${data}</script>
<script>${program}</script>
</body>
</html>
`
}

function pictureHtml({ boxes, arrows, beside }: Picture): string {
  const lines = (figures: readonly string[]) => figures.map((figure) => `<small>${escapeHtml(figure)}</small>`).join('')
  const box = ({ title, figures }: Picture['boxes'][number]) => `<li class="box"><b>${escapeHtml(title)}</b>${lines(figures)}</li>`
  const arrow = (figures: readonly string[]) => `<li class="arrow">${lines(figures)}<i aria-hidden="true"></i></li>`
  const chain = boxes.map((one, index) => `${index === 0 ? '' : arrow(arrows[index - 1]!)}${box(one)}`)
  return `<ol class="flow">${chain.join('')}</ol>${beside.length === 0 ? '' : `<p class="beside">Also running: ${beside.map(({ title, figures }) => escapeHtml([title, ...figures].join(' '))).join(', ')}</p>`}`
}
