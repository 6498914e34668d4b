const NAME = 'permessage-deflate'

/**
 * What the gateway offers to an upstream (RFC 7692 §7.1.1): no context goes from one message to the next, so that a connection
 * costs no memory while nothing is under way.
 */
export const DEFLATE_OFFER = `${NAME}; client_no_context_takeover; server_no_context_takeover`

/** Shorter messages gain nothing by compression. */
export const LEAST_COMPRESSED_BYTES = 64

const WINDOW_BITS = /^(?:[89]|1[0-5])$/

/** Is the extension among those of a `Sec-WebSocket-Extensions`? */
export function namesDeflate(value: string): boolean {
  return value.split(',').some((extension) => nameOf(extension) === NAME)
}

/** What an upstream has made of {@link DEFLATE_OFFER}. */
export interface DeflateAnswer {
  /** Messages may be compressed from now on, both ways. */
  readonly isAgreed: boolean
  /** Why the answer cannot be lived with, null when it can. */
  readonly problem: string | null
}

/**
 * Reads the `Sec-WebSocket-Extensions` of a 101 (RFC 6455 §9.1, RFC 7692 §5.1, §7.1). An upstream may limit its own window unasked
 * (§7.1.2.1), and say that it expects no context; it must confirm that it keeps none itself.
 */
export function readDeflateAnswer(values: readonly string[]): DeflateAnswer {
  const extensions = values.flatMap((value) => value.split(',')).filter((value) => value.trim() !== '')
  const [extension] = extensions
  if (extension === undefined) return { isAgreed: false, problem: null }
  if (extensions.length > 1) return problem('more than one extension')
  if (nameOf(extension) !== NAME) return problem('an extension that was not asked for')
  const seen = new Set<string>()
  for (const parameter of extension.split(';').slice(1)) {
    const { name, value } = parameterOf(parameter)
    if (seen.has(name)) return problem('a parameter of permessage-deflate twice')
    seen.add(name)
    if (!isAllowed(name, value))
      return problem('a parameter of permessage-deflate that does not fit the offer')
  }
  return seen.has('server_no_context_takeover')
    ? { isAgreed: true, problem: null }
    : problem('permessage-deflate with a context that goes from message to message, which was not offered')
}

function isAllowed(name: string, value: string | null): boolean {
  if (name === 'server_max_window_bits') return value !== null && WINDOW_BITS.test(value)
  const isFlag = name === 'server_no_context_takeover' || name === 'client_no_context_takeover'
  return isFlag && value === null
}

function nameOf(extension: string): string {
  return extension.split(';', 1)[0]?.trim().toLowerCase() ?? ''
}

/** A value may be quoted (RFC 6455 §9.1). */
function parameterOf(text: string): { readonly name: string; readonly value: string | null } {
  const at = text.indexOf('=')
  if (at < 0) return { name: text.trim().toLowerCase(), value: null }
  const value = text.slice(at + 1).trim()
  const quoted = /^"(.*)"$/.exec(value)
  return { name: text.slice(0, at).trim().toLowerCase(), value: quoted?.[1] ?? value }
}

function problem(what: string): DeflateAnswer {
  return { isAgreed: false, problem: `the 101 names ${what}` }
}
