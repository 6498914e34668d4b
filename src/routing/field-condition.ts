/** What a route asks of a header field or of a query parameter. */
export interface FieldCondition {
  /** Header names in lower case, parameters as they are. */
  readonly name: string
  readonly op: 'present' | 'absent' | 'equals' | 'prefix' | 'suffix' | 'contains'
  /** '' where the operation needs none. */
  readonly value: string
}

/** @param value null: it is not there */
export function holds({ op, value: wanted }: FieldCondition, value: string | null): boolean {
  if (value === null || op === 'absent') return value === null && op === 'absent'
  switch (op) {
    case 'present':
      return true
    case 'equals':
      return value === wanted
    case 'prefix':
      return value.startsWith(wanted)
    case 'suffix':
      return value.endsWith(wanted)
    case 'contains':
      return value.includes(wanted)
  }
}

/**
 * Value of a field in a header block as the acceptor makes it: lines `name: value` + CRLF, names in lower case. Several lines are joined by
 * `, ` (RFC 9110 §5.3); null when there is none.
 */
export function fieldOf(block: string, name: string): string | null {
  const start = `${name}: `
  let found: string | null = null
  for (let at = block.startsWith(start) ? 0 : next(block, start, 0); at >= 0; ) {
    const from = at + start.length
    const end = block.indexOf('\r\n', from)
    const value = end < 0 ? block.slice(from) : block.slice(from, end)
    found = found === null ? value : `${found}, ${value}`
    if (end < 0) break
    at = next(block, start, end)
  }
  return found
}

/** The same of a field that stands there once at most. */
export function firstFieldOf(block: string, name: string): string | null {
  const start = `${name}: `
  const at = block.startsWith(start) ? 0 : next(block, start, 0)
  if (at < 0) return null
  const end = block.indexOf('\r\n', at)
  return block.slice(at + start.length, end < 0 ? block.length : end)
}

function next(block: string, start: string, from: number): number {
  const at = block.indexOf(`\r\n${start}`, from)
  return at < 0 ? -1 : at + 2
}

/** First value of a parameter in a query, decoded (`+` is a space); '' without `=`; null when it is not there. */
export function parameterOf(query: string, name: string): string | null {
  for (let at = 0; at <= query.length; ) {
    const ampersand = query.indexOf('&', at)
    const end = ampersand < 0 ? query.length : ampersand
    const equals = query.indexOf('=', at)
    const nameEnd = equals < 0 || equals > end ? end : equals
    if (end > at && decoded(query.slice(at, nameEnd)) === name) return decoded(query.slice(nameEnd + 1, end))
    at = end + 1
  }
  return null
}

/** Value of a cookie in a Cookie field, null when it is not there (RFC 6265 §4.2.1). */
export function cookieOf(field: string, name: string): string | null {
  for (const pair of field.split(/[;,]/)) {
    const equals = pair.indexOf('=')
    if (equals > 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim()
  }
  return null
}

function decoded(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text
  if (!spaced.includes('%')) return spaced
  try {
    return decodeURIComponent(spaced)
  } catch {
    return spaced
  }
}
