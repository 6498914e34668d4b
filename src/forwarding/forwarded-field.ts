/** One element of a Forwarded field (RFC 7239 §4), without what nobody here asks for. Values are unquoted; '' when absent. */
export interface ForwardedElement {
  readonly for: string
  readonly host: string
  readonly proto: string
}

const PAIR = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)|"((?:[^"\\]|\\.)*)")$/
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** Elements of a Forwarded field in order; null when it is off the grammar, so that nothing is read into it. */
export function parseForwarded(value: string): ForwardedElement[] | null {
  const elements: ForwardedElement[] = []
  for (const element of splitOutsideQuotes(value, ',')) {
    if (element === '') continue
    const found = { for: '', host: '', proto: '' }
    for (const pair of splitOutsideQuotes(element, ';')) {
      const [, name, token, quoted] = PAIR.exec(pair) ?? []
      if (name === undefined) return null
      const key = name.toLowerCase()
      if (key === 'for' || key === 'host' || key === 'proto') {
        if (found[key] !== '') return null
        found[key] = token ?? quoted?.replace(/\\(.)/g, '$1') ?? ''
      }
    }
    elements.push(found)
  }
  return elements
}

/** `for=192.0.2.1;host="a:8080";proto=http`. An IPv6 address is given without brackets. */
export function formatForwarded(element: ForwardedElement): string {
  const { host, proto } = element
  const node = element.for.includes(':') && !element.for.startsWith('[') ? `[${element.for}]` : element.for
  const host_ = host === '' ? '' : `;host=${quoted(host)}`
  return `for=${quoted(node)}${host_}${proto === '' ? '' : `;proto=${proto}`}`
}

function quoted(text: string): string {
  return TOKEN.test(text) ? text : `"${text.replace(/["\\]/g, '\\$&')}"`
}

function splitOutsideQuotes(text: string, separator: ',' | ';'): string[] {
  const parts: string[] = []
  let inQuotes = false
  let from = 0
  for (let i = 0; i < text.length; i += 1) {
    const char = text[i]
    if (inQuotes && char === '\\') i += 1
    else if (char === '"') inQuotes = !inQuotes
    else if (char === separator && !inQuotes) {
      parts.push(text.slice(from, i).trim())
      from = i + 1
    }
  }
  parts.push(text.slice(from).trim())
  return parts
}
