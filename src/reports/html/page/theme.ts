/** What a chart is drawn with, as the style sheet has it at this moment. */
export function color(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
}

const LINES = 8

export function lineColor(index: number): string {
  return color(`line${index % LINES}`)
}

/** The system's choice until the button says otherwise. */
export function watchTheme(button: HTMLElement, onChange: () => void): void {
  const dark = matchMedia('(prefers-color-scheme: dark)')
  const root = document.documentElement
  const isDark = () => (root.dataset['theme'] ?? (dark.matches ? 'dark' : 'light')) === 'dark'
  const name = () => {
    button.textContent = isDark() ? 'Light' : 'Dark'
  }
  const changed = () => {
    name()
    onChange()
  }
  button.hidden = false
  button.onclick = () => {
    root.dataset['theme'] = isDark() ? 'light' : 'dark'
    changed()
  }
  dark.addEventListener('change', changed)
  name()
}
