import type { RunState } from '../../../run/state.ts'
import { fit, type Line, type Span } from '../cells.ts'
import { serviceRows, type ServiceRow } from '../facts.ts'
import { bytes, percent, sparkline } from '../format.ts'
import { Pane, type PanelProps } from '../pane.tsx'
import { SYMBOLS, type Style } from '../theme.ts'

/** CPU and memory of every service, of the injector and of the lab. CPU in percent of one core. */
export function ServicesPanel(props: PanelProps) {
  return (
    <Pane
      {...props}
      content={{
        title: 'services',
        right: [{ text: '% of a core', style: 'dim' }],
        body: (width, height) => serviceLines(props.state, width, height),
      }}
    />
  )
}

export function serviceLines(state: RunState, width: number, height: number): Line[] {
  const rows = serviceRows(state)
  if (rows.length === 0) return [[{ text: 'none started yet', style: 'dim' }]]
  const columns = rows.length > height && width >= 76 ? 2 : 1
  const cells = Math.floor((width - 3 * (columns - 1)) / columns)
  const perColumn = Math.ceil(rows.length / columns)
  const lines = Array.from({ length: perColumn }, (_, row) =>
    Array.from({ length: columns }, (_, column): Line => {
      const service = rows[column * perColumn + row]
      return [...(column === 0 ? [] : ['   ']), ...(service ? serviceLine(service, cells) : [' '.repeat(cells)])]
    }).flat(),
  )
  return lines.length > height && height > 1
    ? [...lines.slice(0, height - 1), [{ text: `and ${rows.length - (height - 1) * columns} more`, style: 'dim' }]]
    : lines
}

const SHOWN: Record<ServiceRow['status'], [symbol: string, style: Style | undefined]> = {
  ready: [SYMBOLS.good, 'good'],
  starting: [SYMBOLS.pending, 'dim'],
  done: [SYMBOLS.good, 'dim'],
  down: [SYMBOLS.bad, 'bad'],
  stopped: [SYMBOLS.pending, 'dim'],
  killed: [SYMBOLS.warn, 'warn'],
  paused: [SYMBOLS.warn, 'warn'],
  restarting: [SYMBOLS.warn, 'warn'],
  '': [' ', undefined],
}

function serviceLine({ name, status, replicas, restarts, cpu, rssBytes, history }: ServiceRow, width: number): Line {
  const [symbol, style] = SHOWN[status]
  const restarted = restarts > 0 && status === 'ready'
  const word = restarted ? `${restarts} restart${restarts > 1 ? 's' : ''}` : replicas > 1 ? `${status} ×${replicas}` : status
  const wordCells = width >= 46 ? 13 : 10
  const spark = width >= 52 ? Math.min(24, width - 48) : 0
  const nameCells = Math.max(6, Math.min(16, width - 2 - wordCells - 8 - 9 - (spark > 0 ? spark + 2 : 0)))
  const figures: Span[] = [
    { text: fit(percent(cpu, 0).replace(/ %$/, ' %'), 7, 'right'), style: 'strong' },
    fit(bytes(rssBytes), 9, 'right'),
  ]
  return [
    { text: `${symbol} `, style },
    fit(name, nameCells),
    ' ',
    { text: fit(word, wordCells), style: restarted ? 'warn' : style },
    ...figures,
    ...(spark > 0 ? ['  ', { text: sparkline(history, spark, 1), style: 'second' } as const] : []),
  ]
}
