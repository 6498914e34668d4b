import { isIP } from 'node:net'
import { GatewayError } from '../../session/errors.js'
import { FRAMING } from '../../session/header-rules.js'
import { Headers } from '../../session/headers.js'
import { type ConnectTarget, Http1Connector, type UpstreamTls } from '../../upstream/http1/index.js'
import { type CorrelationOptions, HopFields } from '../correlation/index.js'
import type {
  DestinationGuard,
  Transport,
  TransportRequest,
  TransportResponse,
} from '../upstream/transport.js'
import { decodeBody } from './decode-body.js'
import { type ExchangeResult, exchange } from './exchange.js'
import { guardedLookup } from './guarded-lookup.js'

export interface HttpTransportOptions {
  /** For requests without one of their own. Default 5,000 ms. */
  readonly timeoutMs?: number
  /** Part of the timeout that connecting may take. Default 1,000 ms. */
  readonly connectTimeoutMs?: number
  /** Redirects that are followed; 0 = none. Default 5. */
  readonly maxRedirects?: number
  /** Largest answer, before and after decoding. Default 1 MiB. */
  readonly maxBodyBytes?: number
  /** Idle connections kept for each origin. Default 64. */
  readonly maxIdle?: number
  /** Where it may connect. Default: anywhere. */
  readonly guard?: DestinationGuard
  readonly correlation?: CorrelationOptions
  /** Default `headgate`. */
  readonly userAgent?: string
  /** TLS apart from the name. Default: verify against the system's authorities. */
  readonly tls?: Partial<Omit<UpstreamTls, 'servername'>>
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
/** Belong to one origin and are left behind when a redirect leaves it. */
const CREDENTIALS = ['authorization', 'cookie', 'proxy-authorization']

/**
 * Requests over the gateway's own HTTP/1.1 connector (C-14): connections kept alive, one deadline for the whole request, redirects followed and
 * checked again, answers bounded and decoded, correlation fields on every hop. Belongs to one thread.
 */
export class HttpTransport implements Transport {
  readonly #options: HttpTransportOptions
  readonly #connector: Http1Connector
  readonly #hops: HopFields
  readonly #maxBodyBytes: number
  #isClosed = false

  constructor(options: HttpTransportOptions = {}) {
    const { guard, maxIdle = 64 } = options
    this.#options = options
    this.#maxBodyBytes = options.maxBodyBytes ?? 1_048_576
    this.#hops = new HopFields(options.correlation)
    this.#connector = new Http1Connector({
      maxIdle,
      wheel: { tickMs: 25 },
      ...(guard === undefined ? {} : { lookup: guardedLookup(guard) }),
    })
  }

  /** @throws GatewayError: timeout, connect failed, prohibited destination, invalid or too large answer; or `signal.reason` */
  async send(request: TransportRequest): Promise<TransportResponse> {
    request.signal?.throwIfAborted()
    const timeoutMs = request.timeoutMs ?? this.#options.timeoutMs ?? 5000
    const deadline = AbortSignal.timeout(Math.max(1, Math.ceil(timeoutMs)))
    const signal = request.signal === undefined ? deadline : AbortSignal.any([request.signal, deadline])
    try {
      return await this.#follow(request, signal, timeoutMs)
    } catch (error) {
      if (request.signal?.aborted !== true && deadline.aborted) throw tooSlow(timeoutMs, error)
      throw error
    }
  }

  close(): Promise<void> {
    this.#isClosed = true
    this.#connector.close()
    return Promise.resolve()
  }

  /** It has nothing of its own that could be ill. */
  healthCheck(): Promise<boolean> {
    return Promise.resolve(!this.#isClosed)
  }

  async #follow(
    request: TransportRequest,
    signal: AbortSignal,
    timeoutMs: number,
  ): Promise<TransportResponse> {
    let url = parseUrl(request.url)
    let { body } = request
    let method = request.method ?? (body === undefined ? 'GET' : 'POST')
    const fields = lowerCase(request.headers ?? {})
    for (let redirects = this.#options.maxRedirects ?? 5; ; redirects -= 1) {
      const result = await this.#hop({ ...request, method, headers: fields }, body, url, signal, timeoutMs)
      const location = result.headers.get('location')
      if (!REDIRECTS.has(result.status) || location === null || this.#options.maxRedirects === 0) {
        return await this.#response(result, url)
      }
      if (redirects === 0) throw invalid('too many redirects')
      const next = parseUrl(location, url)
      if (result.status === 303 || (method === 'POST' && result.status < 303)) {
        if (method !== 'HEAD') method = 'GET'
        body = undefined
        delete fields['content-type']
      }
      if (next.origin !== url.origin) for (const name of CREDENTIALS) delete fields[name]
      url = next
    }
  }

  async #hop(
    request: TransportRequest & { readonly method: string },
    body: TransportRequest['body'],
    url: URL,
    signal: AbortSignal,
    timeoutMs: number,
  ): Promise<ExchangeResult> {
    const { context } = request
    this.#check(url)
    const headers = new Headers(`host: ${url.host}\r\n`)
    const hop = context === undefined ? {} : this.#hops.for(context, url)
    const fields = {
      'user-agent': this.#options.userAgent ?? 'headgate',
      'accept-encoding': 'gzip, deflate, br',
      ...hop,
      ...request.headers,
    }
    for (const [name, value] of Object.entries(fields)) {
      if (!FRAMING.has(name) && name !== 'host') headers.append(name, value)
    }
    const result = await exchange(this.#connector, {
      target: this.#target(url),
      method: request.method,
      path: `${url.pathname}${url.search}`,
      headers,
      body: typeof body === 'string' ? Buffer.from(body) : body,
      maxBodyBytes: this.#maxBodyBytes,
      timeouts: {
        connectMs: Math.min(timeoutMs, this.#options.connectTimeoutMs ?? 1000),
        headersMs: timeoutMs,
        idleMs: timeoutMs,
      },
      signal,
    })
    if (context !== undefined) this.#hops.onSetCookie(context, url, result.headers.getAll('set-cookie'))
    return result
  }

  #check(url: URL): void {
    const { guard } = this.#options
    if (guard === undefined) return
    const host = bare(url.hostname)
    const family = isIP(host)
    const why =
      guard.checkUrl(url) ?? (family === 4 || family === 6 ? guard.checkAddress(host, family) : null)
    if (why !== null) throw prohibited(why)
  }

  #target(url: URL): ConnectTarget {
    const host = bare(url.hostname)
    const isTls = url.protocol === 'https:'
    const port = url.port === '' ? (isTls ? 443 : 80) : Number(url.port)
    const tls: UpstreamTls = { verify: true, ...this.#options.tls, servername: host }
    return { id: url.origin, host, port, ...(isTls ? { tls } : {}) }
  }

  async #response({ status, headers, body }: ExchangeResult, url: URL): Promise<TransportResponse> {
    const fields: Record<string, string> = Object.create(null)
    for (const [name] of headers) fields[name.toLowerCase()] ??= headers.get(name) ?? ''
    const decoded = await decodeBody(body, fields['content-encoding'] ?? '', this.#maxBodyBytes)
    return { status, headers: fields, body: decoded, url: url.href }
  }
}

function parseUrl(text: string, base?: URL): URL {
  const url = URL.canParse(text, base?.href) ? new URL(text, base?.href) : null
  if (url === null) throw invalidUrl('the URL is invalid')
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw invalidUrl('only http and https are possible')
  if (url.username !== '' || url.password !== '') throw invalidUrl('a URL must not hold credentials')
  return url
}

/** Without the brackets of an IPv6 address. */
function bare(host: string): string {
  return host.startsWith('[') ? host.slice(1, -1) : host
}

function lowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

function tooSlow(timeoutMs: number, cause: unknown): GatewayError {
  return new GatewayError(`no answer within ${Math.round(timeoutMs)} ms`, {
    code: 'HG_TIMEOUT',
    status: 504,
    reason: 'http_response_timeout',
    source: 'upstream',
    retry: 'idempotent',
    cause,
  })
}

function prohibited(why: string): GatewayError {
  return new GatewayError(`destination refused: ${why}`, {
    code: 'HG_CONNECT_FAILED',
    status: 502,
    reason: 'destination_ip_prohibited',
    source: 'upstream',
  })
}

function invalid(message: string): GatewayError {
  return new GatewayError(message, {
    code: 'HG_INVALID_RESPONSE',
    status: 502,
    reason: 'http_protocol_error',
    source: 'upstream',
  })
}

function invalidUrl(message: string): GatewayError {
  return new GatewayError(message, {
    code: 'HG_CONNECT_FAILED',
    status: 502,
    reason: 'destination_not_found',
    source: 'upstream',
  })
}
