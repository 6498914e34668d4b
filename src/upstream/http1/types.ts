import type { GatewayError } from '../../session/errors.js'

/** TLS towards an upstream. Part of the pool key: connections of different identities are never mixed. */
export interface UpstreamTls {
  /** SNI and the name that the certificate must match. */
  readonly servername: string
  /** Default true. */
  readonly verify: boolean
  /** PEM of own authorities, replacing the system's. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  /** Default: that of Node, TLS 1.2. */
  readonly minVersion?: TlsVersion
}

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3'

/** Where a connection goes. `id` identifies address and TLS identity; equal ids share a pool. */
export interface ConnectTarget {
  readonly id: string
  readonly host: string
  /** The name that `host` is an address of, where it has been resolved before: what Host fields and logs say. */
  readonly name?: string
  readonly port: number
  /** Path of a Unix socket, instead of host and port. */
  readonly socketPath?: string
  readonly tls?: UpstreamTls
}

/** Milliseconds; 0 switches a deadline off. Resolution is that of the deadline wheel. */
export interface UpstreamTimeouts {
  /** TCP and TLS handshake together. */
  readonly connectMs: number
  /** From the last request byte written to the final response head. */
  readonly headersMs: number
  /** Longest silence while a body is under way in either direction; not counted while the response is paused. */
  readonly idleMs: number
}

/** How the request body is framed on the wire: none, a known length, or chunked. */
export type BodyFraming =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'chunked' }

export interface UpstreamRequest {
  readonly method: string
  /** Request target in origin-form (or `*`), already validated. */
  readonly target: string
  /**
   * Field lines `name: value` + CRLF each, validated, one character per byte, including Host, without any hop-by-hop field
   * and without Content-Length and Transfer-Encoding: the connector writes the framing itself (D: bodies are re-framed).
   */
  readonly headerBlock: string
  readonly body: BodyFraming
  /** The whole body, when it is at hand: it leaves with the head in one write. Implies that the request is complete. */
  readonly bodyBytes?: Uint8Array
  /** Insist on a new connection: a pooled one was found dead under this request (A11). */
  readonly fresh?: boolean
  /** Offer an upgrade: `Connection: Upgrade` and this `Upgrade` value are sent, and a 101 is accepted. */
  readonly upgrade?: string
  /** Tell the value of `Date` in the head: somebody wants to know how old the answer is. */
  readonly keepsDate?: boolean
}

export interface ResponseHead {
  /** 200 to 599, or 101 when an upgrade was offered. */
  readonly status: number
  readonly statusText: string
  /**
   * Field lines as received (spelling kept), validated, each ended by CRLF, without hop-by-hop fields and what
   * `Connection` named, without Content-Length, Transfer-Encoding, Date and X-Request-Id (the acceptor writes its own).
   */
  readonly headerBlock: string
  /** Body length if the framing tells; for HEAD and 304 what Content-Length announced; null when unknown (chunked, EOF). */
  readonly contentLength: number | null
  /** False for HEAD, 204, 205, 304 and a length of zero: no `onBody` will come. */
  readonly hasBody: boolean
  /** Value of `Date` if the request `keepsDate` and there is one. */
  readonly date?: string
  /** Of a 101: the protocol that the upstream has chosen of those offered. */
  readonly upgrade?: string
}

/**
 * Events of one exchange, in this order: `onConnected`, (`onRequestSent` anywhere after it), `onInformational`*,
 * `onHead`, `onBody`*, then exactly one of `onEnd`, `onError`. Nothing is called after those, nor after `abort()`.
 * Never called from within `Http1Connector.request` itself, only from a later event.
 * `atMs` is the gateway's clock: when it happened, or when the bytes that tell of it were read.
 * An exception out of a handler ends the exchange and its connection, never the thread.
 */
export interface UpstreamHandler {
  /** A connection is at hand, fresh or from the pool. */
  onConnected(reused: boolean, atMs: number): void
  /** The last byte of the request was handed to the socket. */
  onRequestSent(atMs: number): void
  /** 1xx other than 101; 100 included. */
  onInformational?(status: number, headerBlock: string): void
  onHead(head: ResponseHead, atMs: number): void
  /** `chunk` is a view of a reused buffer, valid only during the call: copy what must stay. */
  onBody(chunk: Uint8Array): void
  /** Complete, by its own framing. `trailerBlock` has the same form as a header block; '' when none. */
  onEnd(trailerBlock: string, atMs: number): void
  /** After `onHead`, the body is incomplete and must not be ended properly downstream. */
  onError(error: GatewayError): void
  /** There is room again after `write` returned false. */
  onDrain(): void
  /**
   * 101 was verified: the raw connection is the caller's. `firstBytes` followed the response head (a copy).
   * The socket emits `data` as usual and is paused: attach listeners, then call `resume()` (or `pipe`). An `error`
   * that nobody listens to is swallowed. Without this method an upgrade that is accepted fails with HG_INTERNAL.
   */
  onUpgrade?(head: ResponseHead, socket: import('node:net').Socket, firstBytes: Uint8Array): void
}

/** Control over one exchange. All methods are harmless after its end. */
export interface UpstreamExchange {
  /** Sends a piece of the request body; false means: wait for `onDrain`. The bytes are copied or written before it returns. */
  write(chunk: Uint8Array): boolean
  /** The request body is complete. Fewer bytes than announced abort the exchange. */
  end(): void
  /** Stops reading the response; at most one read buffer more may be delivered. */
  pause(): void
  resume(): void
  /** Drops the connection; no more events. */
  abort(): void
  /** Has any byte of the request been handed to the socket? Decides what may be retried. */
  readonly bytesSent: boolean
  readonly reused: boolean
}

export interface ConnectorStats {
  /** Connections opened, and requests that reused one: `reuses / (opened + reuses)` is the reuse ratio. */
  opened: number
  reuses: number
  /** Connections dropped because something was off: extra bytes after a response, parse errors. */
  dropped: number
  active: number
  idle: number
}
