import uPlot from 'uplot'
import { color } from './theme.ts'

export interface Panel {
  redraw(): void
}

/** A box with a title, a line of words, buttons, and room for a chart. */
export function box(parent: HTMLElement, title: string, says: string): { room: HTMLElement; tools: HTMLElement } {
  const figure = document.createElement('figure')
  const caption = document.createElement('figcaption')
  const name = document.createElement('h3')
  name.textContent = title
  const words = document.createElement('p')
  words.textContent = says
  const tools = document.createElement('span')
  tools.className = 'tools'
  const room = document.createElement('div')
  caption.append(name, tools, words)
  figure.append(caption, room)
  parent.append(figure)
  return { room, tools }
}

export function button(text: string, onClick: () => void): HTMLButtonElement {
  const made = document.createElement('button')
  made.textContent = text
  made.onclick = onClick
  return made
}

export function choice(names: readonly string[], onChange: (index: number) => void): HTMLSelectElement {
  const made = document.createElement('select')
  made.append(...names.map((name, index) => new Option(name, String(index))))
  made.onchange = () => onChange(Number(made.value))
  return made
}

const HEIGHT_PX = 220
const MIN_WIDTH_PX = 240

export function sizeFor(room: HTMLElement): { width: number; height: number } {
  return { width: Math.max(MIN_WIDTH_PX, room.clientWidth), height: HEIGHT_PX }
}

/** Keeps a chart as wide as its room. */
export function keepSize(room: HTMLElement, chart: () => uPlot): void {
  let width = room.clientWidth
  new ResizeObserver(() => {
    if (room.clientWidth === width) return
    width = room.clientWidth
    chart().setSize(sizeFor(room))
  }).observe(room)
}

export function axis(more: uPlot.Axis): uPlot.Axis {
  return { stroke: () => color('ink'), grid: { stroke: () => color('grid'), width: 1 }, ticks: { stroke: () => color('grid'), width: 1 }, font: '12px system-ui', ...more }
}

/** Three significant digits: `1.24k`, `0.0213`. */
export function short(value: number): string {
  const size = Math.abs(value)
  if (size >= 1e9) return `${trimmed(value / 1e9)}G`
  if (size >= 1e6) return `${trimmed(value / 1e6)}M`
  if (size >= 1e4) return `${trimmed(value / 1e3)}k`
  return trimmed(value)
}

function trimmed(value: number): string {
  return String(Number(value.toPrecision(3)))
}

export function withUnit(value: number | null, unit: string): string {
  return value === null ? '–' : `${short(value)}${unit === '' ? '' : ` ${unit}`}`
}
