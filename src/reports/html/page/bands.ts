import type uPlot from 'uplot'
import type { Band } from '../page-data.ts'
import { color } from './theme.ts'

const LABEL_GAP_PX = 4

/** Phases as shades behind the lines, faults as darker ones with their names; labels that would cover one another are left out. */
export function bands(phases: readonly Band[], faults: readonly Band[]): uPlot.Plugin {
  return {
    hooks: {
      drawClear: (chart) => {
        for (const [index, phase] of phases.entries()) if (index % 2 === 0) shade(chart, phase, color('phase'))
        for (const fault of faults) shade(chart, fault, color('fault'))
      },
      draw: (chart) => {
        labels(chart, phases, 0, color('ink'))
        labels(chart, faults, 1, color('fault-ink'))
        for (const { from } of faults) edge(chart, from)
      },
    },
  }
}

function extent(chart: uPlot, { from, to }: Band): { left: number; right: number } {
  const { left, width } = chart.bbox
  const at = (second: number) => Math.min(left + width, Math.max(left, chart.valToPos(second, 'x', true)))
  return { left: at(from), right: to === undefined ? left + width : at(to) }
}

function shade(chart: uPlot, band: Band, fill: string): void {
  const { left, right } = extent(chart, band)
  chart.ctx.fillStyle = fill
  chart.ctx.fillRect(left, chart.bbox.top, Math.max(right - left, 1), chart.bbox.height)
}

function edge(chart: uPlot, second: number): void {
  const { min, max } = chart.scales['x']!
  if (min == null || max == null || second < min || second > max) return
  const x = chart.valToPos(second, 'x', true)
  chart.ctx.fillStyle = color('fault-ink')
  chart.ctx.fillRect(x, chart.bbox.top, devicePixelRatio, chart.bbox.height)
}

function labels(chart: uPlot, all: readonly Band[], row: number, ink: string): void {
  const { ctx, bbox } = chart
  const scale = devicePixelRatio
  ctx.save()
  ctx.font = `${11 * scale}px system-ui`
  ctx.fillStyle = ink
  ctx.textBaseline = 'top'
  ctx.textAlign = 'left'
  let free = bbox.left
  for (const band of all) {
    const { left, right } = extent(chart, band)
    const width = ctx.measureText(band.label).width
    const from = Math.max(left + LABEL_GAP_PX * scale, free)
    // A phase's label stays inside it; a fault may be shorter than its name.
    if (right <= left || from + width > (row === 0 ? right : bbox.left + bbox.width)) continue
    ctx.fillText(band.label, from, bbox.top + (LABEL_GAP_PX + row * 14) * scale)
    free = from + width + LABEL_GAP_PX * scale
  }
  ctx.restore()
}
