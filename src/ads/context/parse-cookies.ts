/** A `Cookie` field longer than this is cut: no honest client sends more (RFC 6265 §6.1 asks for 50 cookies of 4 KiB). */
const LONGEST_FIELD = 65_536

/**
 * Reads a `Cookie` field (RFC 6265 §5.4), or several joined by `; `. Quoted values lose their quotes, percent-escapes are decoded where
 * they are valid UTF-8, the first of equal names wins. Never throws; what is no pair is left out (B-17).
 * @returns without prototype, so `__proto__` is a name like any other
 */
export function parseCookies(field: string | null | undefined): Record<string, string> {
  const cookies: Record<string, string> = Object.create(null)
  if (typeof field !== 'string' || field === '') return cookies
  for (const pair of field.slice(0, LONGEST_FIELD).split(';')) {
    const equals = pair.indexOf('=')
    if (equals < 0) continue
    const name = pair.slice(0, equals).trim()
    if (name === '' || name in cookies) continue
    cookies[name] = decode(unquote(pair.slice(equals + 1).trim()))
  }
  return cookies
}

function unquote(value: string): string {
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value
}

function decode(value: string): string {
  if (!value.includes('%')) return value
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}
