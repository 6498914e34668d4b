/** How targets are brought into the one form that routes are matched on and upstreams are sent. */
export interface TargetRules {
  /** `merge`: runs of slashes become one. `keep`: an empty segment is one like any other. */
  readonly slashes: 'merge' | 'keep'
  /** What servers disagree about, see {@link normalTarget}: `reject` it, or `keep` it as it is. */
  readonly ambiguous: 'reject' | 'keep'
}

const UNRESERVED = new Uint8Array(128)
for (const char of '-._~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ') {
  UNRESERVED[char.charCodeAt(0)] = 1
}

/**
 * Escapes whose meaning differs from server to server: slash and backslash, control characters, and UTF-8 that is longer than it
 * may be, which careless decoders take for a slash or a dot.
 */
const AMBIGUOUS_ESCAPE = /%(?:2F|5C|[01][0-9A-F]|7F|C[01]|E0%[89]|F0%8)/
/** `..;x` is a name to us, and a dot segment to some application servers. */
const AMBIGUOUS_SEGMENT = /^\.\.?;/

/**
 * Brings a strict origin-form target into normal form (RFC 3986 §6.2.2; B14), so that router and upstream see the same path and no
 * other spelling of a path slips past a route: escapes of unreserved characters are decoded (`%61` is `a`, `%2e` is `.`), the others get
 * upper-case digits, dot segments are resolved, slashes merged. An escaped slash is never a separator. The query stays as it is.
 *
 * Ambiguous is: `%2F`, `%5C`, an escaped control character, overlong UTF-8, a segment that begins with `.;` or `..;`, and `..` above the
 * root (which is dropped if kept).
 *
 * @param target begins with `/`, or is `*`
 * @returns the same string if nothing had to change; null when it is refused
 */
export function normalTarget(target: string, rules: TargetRules): string | null {
  const mark = target.indexOf('?')
  const path = mark < 0 ? target : target.slice(0, mark)
  // Nearly all: no escape, no dot segment, no empty segment.
  if (!path.includes('%') && !path.includes('/.') && !path.includes('//')) return target
  const normal = normalPath(path, rules)
  if (normal === null) return null
  return mark < 0 ? normal : normal + target.slice(mark)
}

function normalPath(path: string, { slashes, ambiguous }: TargetRules): string | null {
  const strict = ambiguous === 'reject'
  const plain = canonicalEscapes(path)
  if (strict && AMBIGUOUS_ESCAPE.test(plain)) return null
  const segments = plain.slice(1).split('/')
  const out: string[] = []
  for (const [index, segment] of segments.entries()) {
    const isLast = index === segments.length - 1
    if (segment === '.' || segment === '..') {
      if (segment === '..' && out.pop() === undefined && strict) return null
      // What a dot segment leaves at the end is a folder.
      if (isLast) out.push('')
    } else if (segment === '' && slashes === 'merge' && !isLast) {
      // Left out.
    } else if (strict && AMBIGUOUS_SEGMENT.test(segment)) {
      return null
    } else {
      out.push(segment)
    }
  }
  return `/${out.join('/')}`
}

/** Escapes in their one form: none where none is needed, upper-case digits elsewhere (RFC 3986 §6.2.2.1, §6.2.2.2). */
export function canonicalEscapes(text: string): string {
  if (!text.includes('%')) return text
  return text.replace(/%[0-9A-Fa-f]{2}/g, (sequence) => {
    const code = Number.parseInt(sequence.slice(1), 16)
    return code < 128 && UNRESERVED[code] === 1 ? String.fromCharCode(code) : sequence.toUpperCase()
  })
}
