import { fieldOf, firstFieldOf } from '../routing/field-condition.js'
import { hostPort } from '../routing/host-name.js'
import { clientIndex, nodeAddress } from './client-address.js'
import { formatForwarded, parseForwarded } from './forwarded-field.js'
import type { ForwardingConfig } from './forwarding-config.js'
import type { TrustedProxies } from './trusted-proxies.js'

/** A request as a trusted proxy has passed it on. */
export interface ProxiedRequest {
  /** As in `RequestHead.claims`. */
  readonly claims: string
  /** The connection's other end. */
  readonly peer: string
  /** Value of Host. */
  readonly host: string
  readonly requestId: string
}

/** What the proxies say of a client, and what upstreams are told. */
export interface ProxiedClient {
  readonly address: string
  /** Field lines, as of {@link ForwardingFields.of}. */
  readonly block: string
}

const PROTO = /^[A-Za-z]{2,5}(?:[ \t]*,[ \t]*[A-Za-z]{2,5})*$/
const HOST = /^(?:[A-Za-z0-9._~-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/
const PORT = /^\d{1,5}$/
const REQUEST_ID = /^[A-Za-z0-9._~+/=:@-]{1,128}$/
/** Written anew, or of no concern to upstreams. */
const HANDLED: ReadonlySet<string> = new Set([
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'forwarded',
  'x-request-id',
  'via',
  'cdn-loop',
])

/** No block begins with it. */
const NO_LINE = '\n'

/** Writes the fields in which upstreams are told who the client is and through whom its request came. */
export class ForwardingFields {
  readonly #config: ForwardingConfig
  readonly #sendsX: boolean
  readonly #sendsForwarded: boolean
  readonly #trace: string
  /** How the block of the last request began, if with its host; most requests of a worker name the same one. */
  #hostLine = NO_LINE
  #lastHostFields = ''

  /** How clients come to this gateway. */
  readonly scheme: 'http' | 'https'

  /** @param instanceId tells this process from others of its name in Via; '' for none */
  constructor(config: ForwardingConfig, instanceId = '', scheme: 'http' | 'https' = 'http') {
    this.#config = config
    this.scheme = scheme
    const { forwarded, name, cdnLoop } = config
    this.#sendsX = forwarded === 'x-forwarded' || forwarded === 'both'
    this.#sendsForwarded = forwarded === 'forwarded' || forwarded === 'both'
    const via = instanceId === '' ? name : `${name} (${instanceId})`
    // Lines of their own behind those of other proxies are the same as one joined line (RFC 9110 §5.3).
    this.#trace = `via: 1.1 ${via}\r\n${cdnLoop === null ? '' : `cdn-loop: ${cdnLoop}\r\n`}`
  }

  /** Field lines for a request that came straight from its client; the guard has removed what that could forge. */
  of(origin: { readonly remoteAddress: string; readonly requestId: string }, headerBlock: string): string {
    const { remoteAddress, requestId } = origin
    let fields = this.#trace
    if (this.#sendsX) fields += `x-forwarded-for: ${remoteAddress}${this.#hostFields(headerBlock)}`
    if (this.#sendsForwarded) {
      const host = hostOf(headerBlock)
      fields += `forwarded: ${formatForwarded({ for: remoteAddress, host, proto: this.scheme })}\r\n`
    }
    return `${fields}x-request-id: ${requestId}\r\n`
  }

  /** The fields that the host decides, behind the end of the line before them. */
  #hostFields(headerBlock: string): string {
    if (!headerBlock.startsWith(this.#hostLine)) {
      const host = hostOf(headerBlock)
      const line = `host: ${host}\r\n`
      this.#hostLine = headerBlock.startsWith(line) ? line : NO_LINE
      const port = portOf(host, this.scheme)
      this.#lastHostFields = `\r\nx-forwarded-host: ${host}\r\nx-forwarded-port: ${port}\r\nx-forwarded-proto: ${this.scheme}\r\n`
    }
    return this.#lastHostFields
  }

  /** The id that a trusted proxy gave to a request, if it may and is one; else null. */
  requestId(claims: string): string | null {
    if (!this.#config.keepRequestId) return null
    const id = fieldOf(claims, 'x-request-id')
    return id !== null && REQUEST_ID.test(id) ? id : null
  }

  /** What a trusted proxy says is kept and appended to. */
  proxied(request: ProxiedRequest, trusted: TrustedProxies): ProxiedClient {
    const { claims, peer, requestId } = request
    const isX = this.#config.trustedFields === 'x-forwarded'
    const said = isX ? readX(request, trusted, this.scheme) : readForwarded(request, trusted, this.scheme)
    const { chain, client, host, proto, port } = said
    const address = client < 0 ? peer : (nodeAddress(chain[client] ?? '') ?? peer)
    let block = this.#trace + this.#others(claims)
    if (this.#sendsX) {
      const addresses = [...chain.map((node) => nodeAddress(node) ?? node), peer]
      block += `x-forwarded-for: ${addresses.join(', ')}\r\nx-forwarded-host: ${host}\r\nx-forwarded-port: ${port}\r\nx-forwarded-proto: ${proto}\r\n`
    }
    if (this.#sendsForwarded) {
      const own = formatForwarded({ for: peer, host: request.host, proto: this.scheme })
      const first = proto.split(',', 1)[0]?.trim() ?? ''
      const before = isX
        ? chain.map((node, at) =>
            formatForwarded({
              for: nodeAddress(node) ?? node,
              host: at === client ? host : '',
              proto: at === client ? first : '',
            }),
          )
        : [said.raw]
      block += `forwarded: ${[...before.filter((part) => part !== ''), own].join(', ')}\r\n`
    }
    return { address, block: `${block}x-request-id: ${requestId}\r\n` }
  }

  /** Lines that are passed on as they are. */
  #others(claims: string): string {
    const passesAll = this.#config.forwarded === 'off'
    let kept = ''
    for (const line of claims.split('\r\n')) {
      const name = line.slice(0, line.indexOf(':'))
      if (line === '' || name === 'via' || name === 'cdn-loop' || name === 'x-request-id') continue
      if (passesAll || !HANDLED.has(name)) kept += `${line}\r\n`
    }
    return kept
  }
}

interface Said {
  readonly chain: readonly string[]
  /** As of {@link clientIndex}. */
  readonly client: number
  readonly host: string
  readonly port: string
  readonly proto: string
  /** The Forwarded field as it came; '' when there is none that is valid. */
  readonly raw: string
}

function readX({ claims, host: ownHost }: ProxiedRequest, trusted: TrustedProxies, scheme: string): Said {
  // Several lines count as one (RFC 9110 §5.3): looking at one of them only is how addresses are forged.
  const chain = (fieldOf(claims, 'x-forwarded-for') ?? '')
    .split(',')
    .map((node) => node.trim())
    .filter((node) => node !== '')
  const host = valid(fieldOf(claims, 'x-forwarded-host'), HOST) ?? ownHost
  const proto = valid(fieldOf(claims, 'x-forwarded-proto'), PROTO) ?? scheme
  const port = valid(fieldOf(claims, 'x-forwarded-port'), PORT) ?? portOf(host, proto)
  return { chain, client: clientIndex(chain, trusted), host, proto, port, raw: '' }
}

function readForwarded(
  { claims, host: ownHost }: ProxiedRequest,
  trusted: TrustedProxies,
  scheme: string,
): Said {
  const field = fieldOf(claims, 'forwarded') ?? ''
  const elements = parseForwarded(field)
  const chain = (elements ?? []).map((element) => element.for)
  const client = clientIndex(chain, trusted)
  // What a trusted proxy says of the client stands in the client's own element; further left, clients may write what they like.
  const element = client < 0 ? undefined : elements?.[client]
  const host = valid(element?.host ?? null, HOST) ?? ownHost
  const proto = valid(element?.proto ?? null, PROTO) ?? scheme
  return { chain, client, host, proto, port: portOf(host, proto), raw: elements === null ? '' : field }
}

function valid(value: string | null, form: RegExp): string | null {
  return value !== null && form.test(value) ? value : null
}

/** There is one and no more: the guard has seen to it. */
function hostOf(headerBlock: string): string {
  return firstFieldOf(headerBlock, 'host') ?? ''
}

function portOf(host: string, proto: string): string {
  return hostPort(host) || (/^(?:https|wss)/i.test(proto) ? '443' : '80')
}
