/** RFC 6265 §6.1 asks user agents for at least these. */
const MOST_COOKIES = 50
const LONGEST_COOKIE = 4096

interface Cookie {
  readonly value: string
  readonly path: string
  readonly isSecure: boolean
  /** ms since the epoch. */
  readonly expiresMs: number
}

/**
 * Cookies that ad servers set while one request is served, so that they come back to them on later hops (C-21). Stricter than a browser: a
 * cookie goes only to the very origin that set it, whatever its `Domain` says. Bounded.
 */
export class CookieJar {
  /** By origin, then by name and path. */
  readonly #origins = new Map<string, Map<string, Cookie>>()
  readonly #clock: () => number
  #size = 0

  /** @param clock ms since the epoch. Default `Date.now` */
  constructor(clock: () => number = Date.now) {
    this.#clock = clock
  }

  /** Takes the values of `Set-Cookie` lines; what is no cookie, or too much, is left out. */
  store(url: URL, lines: readonly string[]): void {
    for (const line of lines) this.#storeOne(url, line)
  }

  /** Value of the `Cookie` field for a URL, null when there is none. */
  cookieFor(url: URL): string | null {
    const cookies = this.#origins.get(url.origin)
    if (cookies === undefined) return null
    const isSecure = url.protocol === 'https:'
    const found: string[] = []
    for (const [key, cookie] of cookies) {
      if (cookie.expiresMs <= this.#clock() || (cookie.isSecure && !isSecure)) continue
      if (covers(cookie.path, url.pathname)) found.push(`${key.slice(0, key.indexOf(';'))}=${cookie.value}`)
    }
    return found.length === 0 ? null : found.join('; ')
  }

  #storeOne(url: URL, line: string): void {
    if (line.length > LONGEST_COOKIE) return
    const [pair = '', ...attributes] = line.split(';')
    const equals = pair.indexOf('=')
    const name = pair.slice(0, equals).trim()
    if (equals < 1 || name === '') return
    let path = url.pathname.slice(0, Math.max(1, url.pathname.lastIndexOf('/')))
    let isSecure = false
    let expiresMs = Number.POSITIVE_INFINITY
    let hasMaxAge = false
    for (const attribute of attributes) {
      const [key = '', value = ''] = attribute.split('=', 2).map((part) => part.trim())
      switch (key.toLowerCase()) {
        case 'path':
          if (value.startsWith('/')) path = value
          break
        case 'secure':
          isSecure = true
          break
        case 'max-age':
          if (!/^-?\d+$/.test(value)) break
          hasMaxAge = true
          expiresMs = this.#clock() + Number(value) * 1000
          break
        case 'expires':
          if (!hasMaxAge && !Number.isNaN(Date.parse(value))) expiresMs = Date.parse(value)
      }
    }
    this.#put(url.origin, `${name};${path}`, {
      value: pair.slice(equals + 1).trim(),
      path,
      isSecure,
      expiresMs,
    })
  }

  #put(origin: string, key: string, cookie: Cookie): void {
    const cookies = this.#origins.get(origin) ?? new Map<string, Cookie>()
    if (cookie.expiresMs <= this.#clock()) {
      if (cookies.delete(key)) this.#size -= 1
      return
    }
    if (!cookies.has(key)) {
      if (this.#size >= MOST_COOKIES) return
      this.#size += 1
    }
    this.#origins.set(origin, cookies)
    cookies.set(key, cookie)
  }
}

/** RFC 6265 §5.1.4. */
function covers(path: string, asked: string): boolean {
  return asked === path || (asked.startsWith(path) && (path.endsWith('/') || asked[path.length] === '/'))
}
