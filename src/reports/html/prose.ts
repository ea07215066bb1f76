import { Marked } from 'marked'

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character]!)
}

/** What a service printed may look like markup: HTML, links and pictures are shown as they were written. */
const marked = new Marked({
  renderer: {
    html: ({ text }) => escapeHtml(text),
    link: ({ raw }) => escapeHtml(raw),
    image: ({ raw }) => escapeHtml(raw),
  },
})

/** Markdown of a report as HTML that holds nothing but text, lists, tables and code. */
export function proseHtml(markdown: string): string {
  return (marked.parse(markdown, { async: false }) as string).replaceAll('<table>', '<div class="wide"><table>').replaceAll('</table>', '</table></div>')
}
