/**
 * Grammar of header fields (RFC 9110 §5), shared by the acceptor's guard, the connector's reader and the
 * header map that filters edit. Pure functions over strings in which one character stands for one byte.
 */

const TOKEN = new Uint8Array(256)
for (const char of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
  TOKEN[char.charCodeAt(0)] = 1
}

/** RFC 9110 §5.6.2: `token`, at least one character. */
export function isToken(text: string): boolean {
  if (text.length === 0) return false
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i)
    if (code > 255 || TOKEN[code] === 0) return false
  }
  return true
}

/**
 * RFC 9110 §5.5: `field-value`: visible characters, space, tab and obs-text; no other control character
 * and nothing above one byte. Empty is allowed.
 */
export function isFieldValue(text: string): boolean {
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i)
    if (code < 32 ? code !== 9 : code === 127 || code > 255) return false
  }
  return true
}

/** Without spaces and tabs at both ends (RFC 9110 §5.6.3). `trim` would also take 0xA0, half of many a letter in UTF-8. */
export function trimOws(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isOws(text.charCodeAt(start))) start += 1
  while (end > start && isOws(text.charCodeAt(end - 1))) end -= 1
  return start === 0 && end === text.length ? text : text.slice(start, end)
}

function isOws(code: number): boolean {
  return code === 32 || code === 9
}

/** Names that `Connection` may list without effect: removing them would change what the message means (B10). */
export const CONNECTION_PROTECTED: ReadonlySet<string> = new Set([
  'authorization',
  'cache-control',
  'cdn-loop',
  'content-length',
  'content-type',
  'cookie',
  'date',
  'forwarded',
  'host',
  'set-cookie',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-real-ip',
  'x-request-id',
])

/**
 * Fields that say where a message ends or belong to one connection: the gateway writes them itself, so what a filter puts
 * there is left out. Lower case.
 */
export const FRAMING: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/**
 * Beside {@link FRAMING} the fields that a message has exactly once: a request its Host, an answer its Date and the id that the acceptor
 * writes. Lower case.
 */
export const NEEDS_CARE: ReadonlySet<string> = new Set([...FRAMING, 'host', 'date', 'x-request-id'])
