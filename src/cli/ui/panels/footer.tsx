import { justify, paintLine, type Line, type Span } from '../cells.ts'
import { TABS, type Tab, type View } from '../keys.ts'
import { Block } from '../pane.tsx'
import type { Theme } from '../theme.ts'

/** Keys, and which panels there are. */
export function Footer({
  view,
  tabs,
  current,
  width,
  theme,
}: {
  view: View
  tabs: readonly Tab[]
  current: Tab
  width: number
  theme: Theme
}) {
  const key = (keys: string, says: string): Span[] => [{ text: keys, style: 'title' }, ` ${says}  `]
  const stop: Span[] =
    view.stops === 0
      ? key('q', 'stop')
      : [{ text: view.stops === 1 ? ' stopping… q again to force ' : ' forcing the end… ', style: 'mark' }, '  ']
  const keys: Span[] = [
    ...stop,
    ...key('?', 'help'),
    ...key('f', view.frozen ? 'RESUME' : 'freeze'),
    ...key('Tab', 'panel'),
    ...key('c', 'chart'),
    ...key('z', view.zoom ? 'whole run' : 'last minute'),
  ]
  const names: Line = TABS.filter((tab) => tabs.includes(tab)).map((tab) =>
    tab === current ? { text: `[${tab}]`, style: 'title' } : { text: ` ${tab} `, style: 'dim' },
  )
  return <Block width={width} lines={[theme.finish(` ${paintLine(justify(keys, names, width - 2), width - 2, theme)} `)]} />
}
