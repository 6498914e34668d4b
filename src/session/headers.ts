import { InvalidHeader } from './errors.js'
import { isFieldValue, isToken, NEEDS_CARE, trimOws } from './header-rules.js'

/** What a filter may read of a header section. Names are compared without regard to case. */
export interface ReadonlyHeaders {
  /** All values of a name joined by `, ` (RFC 9110 §5.3), or `null` when absent. */
  get(name: string): string | null
  /** Every value of a name, one per field line. */
  getAll(name: string): string[]
  has(name: string): boolean
  /** Number of field lines. */
  readonly size: number
  entries(): IterableIterator<[name: string, value: string]>
  [Symbol.iterator](): IterableIterator<[name: string, value: string]>
}

/** Of a section that nobody has looked into; never written to. */
const NONE: string[] = []

/**
 * A header section. Kept as the text block that crossed the ring until somebody looks inside, since most
 * sessions pass headers through unread.
 */
export class Headers implements ReadonlyHeaders {
  #block: string
  #names: string[] | null = null
  #lower: string[] = NONE
  #values: string[] = NONE
  #changed = false
  #needsCare = false

  /** @param block field lines `name: value` each ended by CRLF, already validated; may be empty. */
  constructor(block = '') {
    this.#block = block
  }

  /**
   * Somebody has added or removed a field that frames the message or belongs to the connection (or `Host`, `Date`), so the section
   * must be looked through before it goes on the wire: see `requestBlock` and `responseBlock`.
   */
  get needsCare(): boolean {
    return this.#needsCare
  }

  get(name: string): string | null {
    this.#parse()
    const lower = name.toLowerCase()
    let found: string | null = null
    for (let i = 0; i < this.#lower.length; i += 1) {
      if (this.#lower[i] === lower) found = found === null ? this.#value(i) : `${found}, ${this.#value(i)}`
    }
    return found
  }

  getAll(name: string): string[] {
    this.#parse()
    const lower = name.toLowerCase()
    return this.#values.filter((_, i) => this.#lower[i] === lower)
  }

  has(name: string): boolean {
    this.#parse()
    return this.#lower.includes(name.toLowerCase())
  }

  get size(): number {
    this.#parse()
    return this.#lower.length
  }

  /** Adds a field line and keeps those present (contract A-21). @throws InvalidHeader */
  append(name: string, value: string): void {
    check(name, value)
    const lower = name.toLowerCase()
    if (NEEDS_CARE.has(lower)) this.#needsCare = true
    if (this.#names === null) {
      // Nobody has looked inside yet: a line more needs no parsing.
      this.#block += `${name}: ${value}\r\n`
      return
    }
    this.#names.push(name)
    this.#lower.push(lower)
    this.#values.push(trimOws(value))
    this.#changed = true
  }

  /** Replaces all field lines of a name by one. @throws InvalidHeader */
  set(name: string, value: string): void {
    check(name, value)
    this.remove(name)
    this.append(name, value)
  }

  /** Removes all field lines of a name and returns how many there were (contract A-22). */
  remove(name: string): number {
    const names = this.#parse()
    const lower = name.toLowerCase()
    let removed = 0
    for (let i = this.#lower.length - 1; i >= 0; i -= 1) {
      if (this.#lower[i] !== lower) continue
      names.splice(i, 1)
      this.#lower.splice(i, 1)
      this.#values.splice(i, 1)
      removed += 1
    }
    if (removed > 0) {
      this.#changed = true
      if (NEEDS_CARE.has(lower)) this.#needsCare = true
    }
    return removed
  }

  *entries(): IterableIterator<[string, string]> {
    const names = this.#parse()
    for (let i = 0; i < names.length; i += 1) yield [names[i] ?? '', this.#value(i)]
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.entries()
  }

  /** The section as text: one `name: value` line each, CRLF after every line. */
  toBlock(): string {
    if (!this.#changed) return this.#block
    const names = this.#names ?? []
    let block = ''
    for (let i = 0; i < names.length; i += 1) block += `${names[i]}: ${this.#value(i)}\r\n`
    this.#block = block
    this.#changed = false
    return block
  }

  clone(): Headers {
    const copy = new Headers(this.toBlock())
    copy.#needsCare = this.#needsCare
    return copy
  }

  #value(index: number): string {
    return this.#values[index] ?? ''
  }

  #parse(): string[] {
    if (this.#names !== null) return this.#names
    const names: string[] = []
    const lower: string[] = []
    const values: string[] = []
    const block = this.#block
    for (let at = 0; at < block.length; ) {
      const end = block.indexOf('\r\n', at)
      const colon = block.indexOf(':', at)
      const name = block.slice(at, colon)
      names.push(name)
      lower.push(name.toLowerCase())
      values.push(trimOws(block.slice(colon + 1, end)))
      at = end + 2
    }
    this.#names = names
    this.#lower = lower
    this.#values = values
    return names
  }
}

function check(name: string, value: string): void {
  if (typeof name !== 'string' || !isToken(name))
    throw new InvalidHeader(`invalid header name ${JSON.stringify(name)}`)
  if (typeof value !== 'string' || !isFieldValue(value)) {
    throw new InvalidHeader(
      `invalid value for header '${name}': control characters and characters above U+00FF are refused`,
    )
  }
}
