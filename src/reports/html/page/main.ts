/** The program in a report's page: draws the charts from the data embedded beside it. Runs without network, from a file. */
import type { PageData } from '../page-data.ts'
import { chartPanel } from './chart-panel.ts'
import { csvOf } from '../csv.ts'
import { download } from './download.ts'
import { spectrumPanel } from './spectrum-panel.ts'
import { watchTheme } from './theme.ts'

const element = (id: string) => document.getElementById(id)!

async function embedded(): Promise<PageData> {
  const bytes = Uint8Array.from(atob(element('data').textContent), (character) => character.charCodeAt(0))
  return (await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).json()) as PageData
}

async function draw(): Promise<void> {
  const data = await embedded()
  const charts = element('charts')
  charts.replaceChildren(heading('Over time'), note('Drag to zoom, double-click to see all again. A click on a name hides its line.'))
  const panels = data.seconds.length < 2 ? [] : data.charts.map((chart) => chartPanel(data, chart, charts))
  if (panels.length === 0) charts.append(note('There are no samples: the run ended before the load.'))
  if (data.spectra.length > 0) {
    const spectrum = element('spectrum')
    spectrum.append(heading('Percentiles'), note('One request in ten, in a hundred, in a thousand … was slower than this.'))
    panels.push(spectrumPanel(data, spectrum))
  }
  const all = element('csv')
  all.hidden = false
  all.onclick = () => download(`${data.runId}.csv`, csvOf(data, data.charts))
  watchTheme(element('theme'), () => panels.forEach((panel) => panel.redraw()))
}

function heading(text: string): HTMLElement {
  const made = document.createElement('h2')
  made.textContent = text
  return made
}

function note(text: string): HTMLElement {
  const made = document.createElement('p')
  made.className = 'note'
  made.textContent = text
  return made
}

draw().catch((error: unknown) => element('charts').append(note(`The charts cannot be drawn: ${String(error)}`)))
