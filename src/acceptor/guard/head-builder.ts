import { CONNECTION_PROTECTED, isToken, trimOws } from '../../session/header-rules.js'
import { type AcceptorLimits, LENGTH_CHUNKED, LENGTH_NONE, type Refusal } from '../types.js'
import {
  CLAIMED,
  CONNECTION,
  CONTENT_LENGTH,
  EXPECT,
  FIELDS,
  type Field,
  field,
  HOST,
  NOTED,
  PLAIN,
  TRANSFER_ENCODING,
  UPGRADE,
} from './fields.js'
import { isHost } from './host.js'
import { FORBIDDEN_METHODS, METHODS } from './methods.js'
import { REFUSALS } from './refusals.js'
import { strictTarget } from './target.js'

const FORGEABLE_PREFIX = 'x-forwarded-'

const LENGTH = /^(?:0|[1-9]\d{0,14})$/
const PLAIN_NAME = /^[a-z0-9-]+$/
const BEYOND_ASCII = /[^\t\x20-\x7e]/
/** What no field value may hold (RFC 9110 §5.5). */
const CONTROL = /[^\t\x20-\x7e\x80-\uffff]/

export interface HeadBuilderOptions {
  readonly limits: Pick<AcceptorLimits, 'headerBytes' | 'headerCount' | 'targetBytes'>
  readonly chunked: 'close' | 'reject'
  /**
   * How the server made strings of bytes: `bytes`, one character per byte, or `utf8`, where invalid sequences have become
   * U+FFFD. In the second case values are turned back into bytes, and refused where that is not possible.
   */
  readonly strings: 'bytes' | 'utf8'
}

/**
 * The framing guard: takes the parts of one request head, as some HTTP server parsed it, and leaves either what may be
 * forwarded or the reason why it is refused. Servers differ in what they let through, so nothing is taken on trust
 * (U1, U2, U5, U9, U10; RFC 9112 §3, §5, §6).
 *
 * One object serves all requests of an acceptor, one after the other: `begin`, `add` for every field line, `finish`;
 * then its fields hold the result until the next `begin`.
 */
export class HeadBuilder {
  /** Strict origin-form target, or `*`. */
  target = ''
  host = ''
  /** As {@link RequestHead.headerBlock}. */
  headerBlock = ''
  /** As {@link RequestHead.claims}. */
  claims = ''
  /** As {@link RequestHead.selects}. */
  selects = false
  contentLength = LENGTH_NONE
  /** As {@link RequestHead.upgrade}. */
  upgrade = ''
  /** The client asked for `100-continue`. */
  expectsContinue = false
  /** The client listed `close` in Connection. */
  asksToClose = false
  /** A field `Upgrade` came, whatever becomes of it. */
  hasUpgrade = false
  /** Length of the first Connection value, -1 without one: uWS takes any of 5 bytes for `close` (U12). */
  connectionBytes = -1

  readonly #limits: HeadBuilderOptions['limits']
  readonly #rejectsChunked: boolean
  readonly #utf8: boolean
  #refusal: Refusal | null = null
  #bytes = 0
  #count = 0
  #hasHost = false
  #upgradeValue = ''
  #connectionUpgrade = false
  #named: Set<string> | null = null
  /** The last valid host: most requests of a connection name the same. */
  #knownHost = ''

  constructor(options: HeadBuilderOptions) {
    this.#limits = options.limits
    this.#rejectsChunked = options.chunked === 'reject'
    this.#utf8 = options.strings === 'utf8'
  }

  begin(): void {
    this.headerBlock = ''
    this.claims = ''
    this.selects = false
    this.contentLength = LENGTH_NONE
    this.upgrade = ''
    this.expectsContinue = false
    this.asksToClose = false
    this.hasUpgrade = false
    this.connectionBytes = -1
    this.#refusal = null
    this.#bytes = 0
    this.#count = 0
    this.#hasHost = false
    this.#upgradeValue = ''
    this.#connectionUpgrade = false
    this.#named = null
  }

  /** @param name in lower case */
  add(name: string, value: string): void {
    this.#count += 1
    this.#bytes += name.length + value.length + 4
    const field = FIELDS.get(name)
    if (field === undefined ? name.startsWith('if-') : field.selects) this.selects = true
    // The common case first: a name that is known to be plain, and a value of visible ASCII.
    if (field !== undefined && field.action === PLAIN && !BEYOND_ASCII.test(value))
      this.#addLine(field, value)
    // Next comes what most requests of a connection have in common.
    else if (field !== undefined && field.action === HOST && value === this.#knownHost && !this.#hasHost)
      this.#takeHost(field, this.#knownHost)
    else if (this.#refusal === null) this.#refusal = this.#addUncommon(name, value, field)
  }

  /**
   * @param target as sent, path and query
   * @returns null when the request may be forwarded
   */
  finish(method: string, target: string, isHttp10 = false): Refusal | null {
    if (method !== 'GET' && !METHODS.has(method)) return refuseMethod(method)
    if (target.length > this.#limits.targetBytes) return REFUSALS.targetLength
    const strict = target === '*' && method === 'OPTIONS' ? target : strictTarget(target)
    if (strict === null) return REFUSALS.target
    if (this.#count > this.#limits.headerCount) return REFUSALS.fieldCount
    if (this.#bytes > this.#limits.headerBytes) return REFUSALS.fieldBytes
    if (this.#refusal !== null) return this.#refusal
    if (!this.#hasHost) return REFUSALS.hostMissing
    if (this.contentLength === LENGTH_CHUNKED) {
      if (isHttp10) return REFUSALS.codingOldVersion
      if (this.#rejectsChunked) return REFUSALS.chunkedRefused
    }
    this.target = strict
    this.headerBlock += '\r\n'
    if (this.#named !== null) this.#removeNamed(this.#named)
    if (this.#connectionUpgrade && method === 'GET' && this.contentLength === LENGTH_NONE && !isHttp10) {
      this.upgrade = this.#upgradeValue
    }
    return null
  }

  #addLine(field: Field, value: string): void {
    const block = this.headerBlock
    this.headerBlock = block === '' ? field.asFirst + value : block + field.asNext + value
  }

  #addUncommon(name: string, value: string, known: Field | undefined): Refusal | null {
    if (CONTROL.test(value)) return REFUSALS.fieldValue
    if (known !== undefined && known.action !== PLAIN) return this.#addSpecial(known, value)
    // Valid perhaps, but some backends fold `_` into `-` and would take it for another field: left out.
    if (known === undefined && !PLAIN_NAME.test(name)) return isToken(name) ? null : REFUSALS.fieldName
    if (name.startsWith(FORGEABLE_PREFIX)) {
      this.#addClaim(`${name}: `, value)
      return null
    }
    const bytes = this.#utf8 && BEYOND_ASCII.test(value) ? bytesOf(value) : value
    if (bytes === null) return REFUSALS.fieldValue
    this.#addLine(known ?? field(name, PLAIN), bytes)
    return null
  }

  #addSpecial(field: Field, value: string): Refusal | null {
    switch (field.action) {
      case HOST:
        return this.#addHost(field, value)
      case CONNECTION:
        this.#addConnection(value)
        return null
      case CONTENT_LENGTH:
        if (this.contentLength === LENGTH_CHUNKED) return REFUSALS.codingAndLength
        if (this.contentLength !== LENGTH_NONE) return REFUSALS.lengthRepeated
        if (!LENGTH.test(value)) return REFUSALS.lengthInvalid
        this.contentLength = Number(value)
        return null
      case TRANSFER_ENCODING:
        return this.#addCoding(value.toLowerCase())
      case EXPECT:
        if (this.expectsContinue || value.toLowerCase() !== '100-continue') return REFUSALS.expectation
        this.expectsContinue = true
        return null
      case UPGRADE:
        this.hasUpgrade = true
        this.#upgradeValue = this.#upgradeValue === '' ? value : `${this.#upgradeValue}, ${value}`
        return null
      case NOTED:
        if (BEYOND_ASCII.test(value)) return REFUSALS.fieldValue
        this.#addLine(field, value)
        this.#addClaim(field.asFirst, value)
        return null
      case CLAIMED:
        this.#addClaim(field.asFirst, value)
        return null
      default:
        return null
    }
  }

  /** None of these fields has a use for more than ASCII. */
  #addClaim(start: string, value: string): void {
    if (!BEYOND_ASCII.test(value)) this.claims += `${start}${value}\r\n`
  }

  #addHost(field: Field, value: string): Refusal | null {
    if (this.#hasHost) return REFUSALS.hostRepeated
    if (!isHost(value)) return REFUSALS.hostInvalid
    this.#knownHost = value
    this.#takeHost(field, value)
    return null
  }

  #takeHost(field: Field, value: string): void {
    this.#hasHost = true
    this.host = value
    this.#addLine(field, value)
  }

  #addCoding(coding: string): Refusal | null {
    if (this.contentLength === LENGTH_CHUNKED) return REFUSALS.codingRepeated
    if (this.contentLength !== LENGTH_NONE) return REFUSALS.codingAndLength
    if (coding !== 'chunked') return isToken(coding) ? REFUSALS.codingUnknown : REFUSALS.codingInvalid
    this.contentLength = LENGTH_CHUNKED
    return null
  }

  #addConnection(value: string): void {
    if (this.connectionBytes < 0) this.connectionBytes = value.length
    if (value === 'keep-alive' || value === 'Keep-Alive') return
    for (const part of value.split(',')) {
      const option = trimOws(part).toLowerCase()
      if (option === 'close') this.asksToClose = true
      else if (option === 'upgrade') this.#connectionUpgrade = true
      else if (option !== '' && !CONNECTION_PROTECTED.has(option)) {
        this.#named ??= new Set()
        this.#named.add(option)
      }
    }
  }

  #removeNamed(named: ReadonlySet<string>): void {
    let kept = ''
    for (const line of this.headerBlock.split('\r\n')) {
      if (line !== '' && !named.has(line.slice(0, line.indexOf(':')))) kept += `${line}\r\n`
    }
    this.headerBlock = kept
  }
}

function refuseMethod(method: string): Refusal {
  if (FORBIDDEN_METHODS.has(method)) return REFUSALS.methodForbidden
  return isToken(method) ? REFUSALS.methodUnknown : REFUSALS.methodSyntax
}

/** One character per byte again, of text that was decoded as UTF-8; null if it was not valid UTF-8. */
function bytesOf(decoded: string): string | null {
  return decoded.includes('\ufffd') ? null : Buffer.from(decoded, 'utf8').toString('latin1')
}
