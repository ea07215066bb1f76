/** Text or attribute value in XML. What XML 1.0 cannot hold at all (control characters, half surrogates) becomes `?`. */
export function xmlText(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu, '?')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

/** An element with its attributes; those that are undefined are left out. `inside` is XML already. */
export function element(name: string, attributes: Record<string, string | number | undefined>, inside: readonly string[] = []): string {
  const written = Object.entries(attributes).flatMap(([key, value]) => (value === undefined ? [] : [` ${key}="${attributeText(String(value))}"`]))
  const open = `<${name}${written.join('')}`
  return inside.length === 0 ? `${open}/>` : `${open}>\n${inside.join('\n')}\n</${name}>`
}

/** A reader turns line breaks in attributes into blanks unless they are written as references. */
function attributeText(value: string): string {
  return xmlText(value).replaceAll('\n', '&#10;').replaceAll('\r', '&#13;').replaceAll('\t', '&#9;')
}
