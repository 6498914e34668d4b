import { InvalidHeader } from './errors.js'
import { isToken } from './header-rules.js'
import type { Headers, ReadonlyHeaders } from './headers.js'

/** A request target split at its question mark. */
export interface RequestUri {
  /** Without the query string, as received (percent-encoding untouched). */
  readonly path: string
  /** Without the question mark; '' when there is none. */
  readonly query: string
  /** The whole target. */
  readonly raw: string
}

/** A request head that can be read but not changed (contract A-16). */
export interface ReadonlyRequestHeader {
  /** Method token as received, e.g. `GET`; case-sensitive. */
  readonly method: string
  readonly uri: RequestUri
  readonly headers: ReadonlyHeaders
}

/** A response head that can be read but not changed. */
export interface ReadonlyResponseHeader {
  readonly status: { readonly code: number; readonly text: string }
  readonly headers: ReadonlyHeaders
}

// A target that goes on the wire: visible ASCII without a fragment (RFC 9112 §3.2); the acceptor has checked the finer grammar.
const TARGET = /^(?:\/[\x21\x22\x24-\x7e]*|\*)$/

/** The head of a request: what filters edit and what goes to the upstream. */
export class RequestHeader implements ReadonlyRequestHeader {
  readonly headers: Headers
  #method: string
  #target: string
  #uri: RequestUri | null = null

  constructor(method: string, target: string, headers: Headers) {
    this.#method = method
    this.#target = target
    this.headers = headers
  }

  get method(): string {
    return this.#method
  }

  /** @throws InvalidHeader if it is not a token */
  set method(method: string) {
    if (!isToken(method)) throw new InvalidHeader(`invalid method ${JSON.stringify(method)}`)
    this.#method = method
  }

  /** The request target: path and query. */
  get target(): string {
    return this.#target
  }

  /** @throws InvalidHeader if it is not in origin-form */
  set target(target: string) {
    if (!TARGET.test(target)) throw new InvalidHeader(`invalid request target ${JSON.stringify(target)}`)
    this.#target = target
    this.#uri = null
  }

  get uri(): RequestUri {
    if (this.#uri === null) {
      const raw = this.#target
      const mark = raw.indexOf('?')
      this.#uri = Object.freeze(
        mark < 0
          ? { path: raw, query: '', raw }
          : { path: raw.slice(0, mark), query: raw.slice(mark + 1), raw },
      )
    }
    return this.#uri
  }

  clone(): RequestHeader {
    return new RequestHeader(this.#method, this.#target, this.headers.clone())
  }
}

/** The head of a response. */
export class ResponseHeader implements ReadonlyResponseHeader {
  readonly headers: Headers
  #code: number
  #text: string

  constructor(code: number, text: string, headers: Headers) {
    this.#code = code
    this.#text = text
    this.headers = headers
  }

  get status(): { readonly code: number; readonly text: string } {
    return { code: this.#code, text: this.#text }
  }

  get code(): number {
    return this.#code
  }

  get text(): string {
    return this.#text
  }

  /** Changes the status. @throws InvalidHeader unless it is an integer from 200 to 599 */
  setStatus(code: number, text = ''): void {
    if (!Number.isInteger(code) || code < 200 || code > 599) throw new InvalidHeader(`invalid status ${code}`)
    if (!/^[\t\x20-\x7e]*$/.test(text)) throw new InvalidHeader('invalid reason phrase')
    this.#code = code
    this.#text = text
  }
}

class HeadersView implements ReadonlyHeaders {
  readonly #headers: Headers
  constructor(headers: Headers) {
    this.#headers = headers
  }
  get(name: string): string | null {
    return this.#headers.get(name)
  }
  getAll(name: string): string[] {
    return this.#headers.getAll(name)
  }
  has(name: string): boolean {
    return this.#headers.has(name)
  }
  get size(): number {
    return this.#headers.size
  }
  entries(): IterableIterator<[string, string]> {
    return this.#headers.entries()
  }
  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.#headers.entries()
  }
}

/** A view that follows the mutable head but offers no way to change it, also not at run time. */
export function viewRequest(head: RequestHeader): ReadonlyRequestHeader {
  const headers = new HeadersView(head.headers)
  return Object.freeze({
    get method() {
      return head.method
    },
    get uri() {
      return head.uri
    },
    headers,
  })
}

export function viewResponse(head: ResponseHeader): ReadonlyResponseHeader {
  const headers = new HeadersView(head.headers)
  return Object.freeze({
    get status() {
      return head.status
    },
    headers,
  })
}
