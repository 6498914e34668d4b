import { CONNECTION_PROTECTED, isToken } from '../../session/header-rules.js'
import { type AcceptorLimits, LENGTH_CHUNKED, LENGTH_NONE, type Refusal } from '../types.js'
import { isHost } from './host.js'
import { FORBIDDEN_METHODS, METHODS } from './methods.js'
import { REFUSALS } from './refusals.js'
import { strictTarget } from './target.js'

const PLAIN = 0
const DROPPED = 1
const HOST = 2
const CONTENT_LENGTH = 3
const TRANSFER_ENCODING = 4
const CONNECTION = 5
const EXPECT = 6
const UPGRADE = 7

/** What to do with a field of some name. */
interface Field {
  readonly action: number
  /** How its line begins as the first of a block, and behind another. Made once: joining strings is what costs here. */
  readonly asFirst: string
  readonly asNext: string
}

const field = (name: string, action: number): Field => ({
  action,
  asFirst: `${name}: `,
  asNext: `\r\n${name}: `,
})
const all = (action: number, ...names: string[]) => names.map((name) => [name, field(name, action)] as const)

/**
 * By name. Plain ones are listed only to spare them a closer look; a name that is not here is plain if it is made of letters,
 * digits and hyphens.
 */
const FIELDS: ReadonlyMap<string, Field> = new Map([
  ...all(HOST, 'host'),
  ...all(CONTENT_LENGTH, 'content-length'),
  ...all(TRANSFER_ENCODING, 'transfer-encoding'),
  ...all(CONNECTION, 'connection'),
  ...all(EXPECT, 'expect'),
  ...all(UPGRADE, 'upgrade'),
  // Hop-by-hop (RFC 9110 §7.6.1).
  ...all(DROPPED, 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'te', 'trailer'),
  ...all(DROPPED, 'http2-settings'),
  // What a client could forge (B11); with the prefix x-forwarded-.
  ...all(DROPPED, 'forwarded', 'x-real-ip', 'x-request-id'),
  ...all(PLAIN, 'accept', 'accept-encoding', 'accept-language', 'authorization', 'cache-control', 'content-type'),
  ...all(PLAIN, 'cookie', 'if-modified-since', 'if-none-match', 'origin', 'pragma', 'priority', 'range', 'referer'),
  ...all(PLAIN, 'sec-ch-ua', 'sec-ch-ua-mobile', 'sec-ch-ua-platform', 'sec-fetch-dest', 'sec-fetch-mode'),
  ...all(PLAIN, 'sec-fetch-site', 'sec-fetch-user', 'upgrade-insecure-requests', 'user-agent'),
])
const FORGEABLE_PREFIX = 'x-forwarded-'

const LENGTH = /^(?:0|[1-9]\d{0,14})$/
const PLAIN_NAME = /^[a-z0-9-]+$/
const BEYOND_ASCII = /[^\t\x20-\x7e]/
/** What no field value may hold (RFC 9110 §5.5). */
const CONTROL = /[\0-\x08\x0a-\x1f\x7f]/

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
  contentLength = LENGTH_NONE
  /** As {@link RequestHead.upgrade}. */
  upgrade = ''
  /** The client asked for `100-continue`. */
  expectsContinue = false
  /** The client listed `close` in Connection. */
  asksToClose = false
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
    this.contentLength = LENGTH_NONE
    this.upgrade = ''
    this.expectsContinue = false
    this.asksToClose = false
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
    // The common case first: a name that is known to be plain, and a value of visible ASCII.
    if (field !== undefined && field.action === PLAIN && !BEYOND_ASCII.test(value)) this.#addLine(field, value)
    else if (this.#refusal === null) this.#addUncommon(name, value, field)
  }

  /**
   * @param target as sent, path and query
   * @returns null when the request may be forwarded
   */
  finish(method: string, target: string, isHttp10 = false): Refusal | null {
    if (!METHODS.has(method)) return refuseMethod(method)
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

  #addUncommon(name: string, value: string, known: Field | undefined): void {
    if (CONTROL.test(value)) return this.#refuse(REFUSALS.fieldValue)
    if (known !== undefined && known.action !== PLAIN) return this.#addSpecial(known, value)
    if (known === undefined && !PLAIN_NAME.test(name)) {
      // Valid, but some backends fold `_` into `-` and would take it for another field.
      if (!isToken(name)) this.#refuse(REFUSALS.fieldName)
      return
    }
    if (name.startsWith(FORGEABLE_PREFIX)) return
    const bytes = this.#utf8 && BEYOND_ASCII.test(value) ? bytesOf(value) : value
    if (bytes === null) return this.#refuse(REFUSALS.fieldValue)
    this.#addLine(known ?? field(name, PLAIN), bytes)
  }

  #refuse(refusal: Refusal): void {
    this.#refusal = refusal
  }

  #addSpecial(field: Field, value: string): void {
    const { action } = field
    if (action === HOST) {
      if (this.#hasHost) return this.#refuse(REFUSALS.hostRepeated)
      if (value !== this.#knownHost && !isHost(value)) return this.#refuse(REFUSALS.hostInvalid)
      this.#knownHost = value
      this.#hasHost = true
      this.host = value
      this.#addLine(field, value)
    } else if (action === CONNECTION) {
      this.#addConnection(value)
    } else if (action === CONTENT_LENGTH) {
      if (this.contentLength === LENGTH_CHUNKED) return this.#refuse(REFUSALS.codingAndLength)
      if (this.contentLength !== LENGTH_NONE) return this.#refuse(REFUSALS.lengthRepeated)
      if (!LENGTH.test(value)) return this.#refuse(REFUSALS.lengthInvalid)
      this.contentLength = Number(value)
    } else if (action === TRANSFER_ENCODING) {
      if (this.contentLength === LENGTH_CHUNKED) return this.#refuse(REFUSALS.codingRepeated)
      if (this.contentLength !== LENGTH_NONE) return this.#refuse(REFUSALS.codingAndLength)
      const coding = value.toLowerCase()
      if (coding !== 'chunked') {
        return this.#refuse(isToken(coding) ? REFUSALS.codingUnknown : REFUSALS.codingInvalid)
      }
      this.contentLength = LENGTH_CHUNKED
    } else if (action === EXPECT) {
      if (this.expectsContinue || value.toLowerCase() !== '100-continue') {
        return this.#refuse(REFUSALS.expectation)
      }
      this.expectsContinue = true
    } else if (action === UPGRADE) {
      this.#upgradeValue = this.#upgradeValue === '' ? value : `${this.#upgradeValue}, ${value}`
    }
  }

  #addConnection(value: string): void {
    if (this.connectionBytes < 0) this.connectionBytes = value.length
    if (value === 'keep-alive' || value === 'Keep-Alive') return
    for (const part of value.split(',')) {
      const option = part.trim().toLowerCase()
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
