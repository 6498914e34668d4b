/** Names of headers and query parameters whose values are secrets wherever they stand, or tell who a person is (ads' device ids, places), lower case. */
export const SECRET_NAMES = [
  'aaid',
  'access_token',
  'advertising_id',
  'api-key',
  'api_key',
  'apikey',
  'assertion',
  'auth',
  'authorization',
  'client_secret',
  'code',
  'cookie',
  'credential',
  'credentials',
  'gaid',
  'id_token',
  'idfa',
  'ifa',
  'jwt',
  'key',
  'latlong',
  'pass',
  'passwd',
  'password',
  'private_key',
  'proxy-authorization',
  'pwd',
  'refresh_token',
  'secret',
  'session',
  'session_id',
  'sessionid',
  'set-cookie',
  'sid',
  'sig',
  'signature',
  'token',
  'x-amz-credential',
  'x-amz-security-token',
  'x-amz-signature',
  'x-api-key',
  'x-auth-token',
  'x-csrf-token',
  'x-goog-credential',
  'x-goog-signature',
  'x-xsrf-token',
] as const

export const REDACTED = '[redacted]'

/** Nothing about such a name could be written in another way. */
const PLAIN = /^[a-z0-9_.-]*$/
const SEPARATOR = /[&;]/g

/** Takes the values of secrets out of texts that are to be logged. */
export class Redactor {
  readonly #names: ReadonlySet<string>

  /** @param names lower case */
  constructor(names: readonly string[]) {
    this.#names = new Set(names)
  }

  /** Is this the name of a secret? Case does not matter, nor do percent-escapes and `+`, nor the brackets of `token[]`. */
  has(name: string): boolean {
    if (this.#names.has(name)) return true
    if (PLAIN.test(name)) return false
    const plain = decode(name).toLowerCase().replace(/\[.*$/, '').trim()
    return this.#names.has(plain)
  }

  /** A query without `?`. */
  query(query: string): string {
    if (this.#names.size === 0) return query
    let redacted = ''
    let from = 0
    while (from <= query.length) {
      SEPARATOR.lastIndex = from
      const end = SEPARATOR.exec(query)?.index ?? query.length
      const equals = query.indexOf('=', from)
      const isSecret = equals >= 0 && equals < end && this.has(query.slice(from, equals))
      if (isSecret) redacted += `${query.slice(from, equals + 1)}${REDACTED}${query.slice(end, end + 1)}`
      else redacted += query.slice(from, end + 1)
      from = end + 1
    }
    return redacted
  }

  /** A URL or a part of one: user, password and secrets in its query go; of a fragment, which may hold tokens, nothing stays. */
  url(url: string): string {
    const hash = url.indexOf('#')
    const whole = hash < 0 ? url : url.slice(0, hash)
    const mark = whole.indexOf('?')
    const place = (mark < 0 ? whole : whole.slice(0, mark)).replace(
      /^([a-z][a-z0-9+.-]*:)?\/\/[^/]*@/i,
      '$1//',
    )
    return mark < 0 ? place : `${place}?${this.query(whole.slice(mark + 1))}`
  }

  /** The value of a header. */
  header(name: string, value: string): string {
    if (this.has(name)) return REDACTED
    return name === 'referer' ? this.url(value) : value
  }
}

/** Percent-escapes resolved as often as somebody may have put one into another. */
function decode(text: string): string {
  let decoded = text
  for (let i = 0; i < 3 && /[%+]/.test(decoded); i += 1) {
    const next = decoded
      .replace(/\+/g, ' ')
      .replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    if (next === decoded) break
    decoded = next
  }
  return decoded
}
