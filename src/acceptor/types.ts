import type { ClientCertificate } from '../session/client-certificate.js'
import type { RefusalKind } from '../session/counters.js'
import type { Reason } from '../session/errors.js'
import type { AcceptorTls } from './tls-options.js'

export type { AcceptorTls } from './tls-options.js'

/** `contentLength` of a request whose body is chunked. */
export const LENGTH_CHUNKED = -2
/** `contentLength` of a request without a body. */
export const LENGTH_NONE = -1

/**
 * One request as it left the guard: everything is copied out of the server's own objects, validated, and free of
 * what must not be forwarded. Strings hold one character per byte.
 */
export interface RequestHead {
  /** Case-sensitive method token, one of the known methods. */
  readonly method: string
  /** Origin-form target, or `*` with OPTIONS. */
  readonly target: string
  /** Validated `uri-host[:port]`. */
  readonly host: string
  /**
   * Field lines `name: value` + CRLF, names in lower case, Host included. Without hop-by-hop fields, what `Connection` named,
   * Content-Length, Transfer-Encoding, Expect, and without forwarding fields that a client could forge
   * (Forwarded, X-Forwarded-*, X-Real-IP, X-Request-Id).
   */
  readonly headerBlock: string
  /**
   * What was left out of the header block because a client could forge it, and copies of Via and CDN-Loop, in the same form: to be
   * believed only of a trusted proxy. '' when there is none.
   */
  readonly claims: string
  /** It has fields by which an answer out of a cache may differ: conditions, ranges, Cache-Control, Pragma, Authorization. */
  readonly selects: boolean
  /** Body length in bytes, {@link LENGTH_NONE} or {@link LENGTH_CHUNKED}. 0 and LENGTH_NONE have no body events. */
  readonly contentLength: number
  /**
   * Textual client address without brackets, IPv4-mapped IPv6 as IPv4: the connection's other end, until its owner puts the client in its
   * place that a trusted proxy names.
   */
  remoteAddress: string
  /**
   * Of `Upgrade`, when `Connection: upgrade` came with it on a GET without a body: the protocols that the acceptor can switch to
   * and that are among {@link AcceptorOptions.upgrades}; else ''.
   */
  readonly upgrade: string
  /**
   * Of an upgrade to WebSocket: the acceptor speaks it with the client itself, so that what goes through the tunnel are frames of
   * its own, whatever the client has agreed on with it. Its offer of extensions stands in the header block in place of the client's.
   */
  readonly endsWebSocket?: boolean
  /** Where clients are asked for one. */
  readonly clientCertificate?: ClientCertificate | undefined
  /** `req-<uuid>`, made by the acceptor, also in every answer. Its owner may put that of a trusted proxy in its place. */
  requestId: string
  /** Milliseconds of the gateway's clock. */
  readonly startMs: number
}

/** The acceptor's side of one session: how the gateway talks to the client. All methods are harmless after the end. */
export interface Downstream {
  readonly head: RequestHead
  /** For the owner's use: the acceptor never looks at it. */
  owner: unknown

  /**
   * The whole answer at once. `headerBlock` is validated, has no framing, hop-by-hop or Date field; the acceptor adds framing,
   * Date, and `Connection: close` where it must. `body` may be a view of shared memory, valid only during the call.
   * For HEAD, 204 and 304 the body is not sent; `contentLength` is what a HEAD answer announces (null: nothing).
   */
  respond(
    status: number,
    statusText: string,
    headerBlock: string,
    body: Uint8Array | null,
    contentLength: number | null,
  ): void
  /** Starts a streamed answer. `contentLength` null: chunked (HTTP/1.0 clients: until close). */
  writeHead(status: number, statusText: string, headerBlock: string, contentLength: number | null): void
  /**
   * Switches protocols, where `head.upgrade` allows it: sends a 101 and opens a tunnel. From then on `onBody` brings what the client
   * sends (`last`: it has ended its direction), `write` sends to it, `end('')` ends that direction behind what was written, and
   * `onFinish` follows when both have ended. Nothing that came before the 101 is lost, and nothing of it was handed over before.
   * @param headerBlock as of `respond`, with a last line `upgrade: <protocol>`
   */
  upgrade?(statusText: string, headerBlock: string): void
  /** A 1xx answer (103); skipped where the server cannot send it. */
  writeInformational?(status: number, headerBlock: string): void
  /**
   * One piece of the body; valid only during the call. False: the client is slow, stop until `onDrain`; the bytes given are
   * taken in any case.
   */
  write(chunk: Uint8Array): boolean
  /** Ends a streamed answer properly. With a known length and too few bytes written this is an abort. */
  end(trailerBlock: string): void
  /** Closes the connection without completing the message: the only honest signal once the head is out. */
  abort(): void
  /** Request body back-pressure. Between the two, at most what was already read arrives. */
  pauseBody(): void
  resumeBody(): void
  /** Bytes of body given to the socket so far. */
  readonly bytesOut: number
}

/** A request that the acceptor itself refused, from the start or in the middle of its body; answered by the acceptor. */
export interface Refusal {
  readonly status: number
  readonly reason: Reason
  /** Closed set for the counter `rejected_total`: parse, limit, overload, draining, host. */
  readonly kind: RefusalKind
  readonly message: string
}

/** The way to answer within the call that brings the request. */
export interface PromptReply {
  /** The whole answer, as with {@link Downstream.respond}. It is copied before this returns, and counts as sent. */
  respond(status: number, statusText: string, headerBlock: string, body: Uint8Array): void
}

/** What the owner of an acceptor must handle. None of these may throw. */
export interface AcceptorHandler {
  /** A request passed the guard. Body events follow if it has a body. Must not answer synchronously if the request is chunked. */
  onRequest(exchange: Downstream): void
  /**
   * Asked before, by acceptors that can save themselves an exchange this way, about requests without a body.
   * @returns whether it is answered: then there is no other event of it
   */
  answerAtOnce?(head: RequestHead, reply: PromptReply): boolean
  /** A piece of the request body, valid only during the call; may be empty when `last`. */
  onBody(exchange: Downstream, chunk: Uint8Array, last: boolean): void
  /**
   * The client left before the answer was complete, or its body broke off. Last event of the exchange.
   * @param refusal what the rest of the request was refused for by the acceptor: it has answered that, unless the owner had begun an answer
   */
  onAbort(exchange: Downstream, refusal?: Refusal): void
  /** There is room again after `write` returned false. */
  onDrain(exchange: Downstream): void
  /** The answer was given to the socket completely. Last event of the exchange; not after `abort()`. */
  onFinish(exchange: Downstream): void
  /** A request was refused before it became an exchange. */
  onRefused(refusal: Refusal, requestId: string, remoteAddress: string): void
  /** A client has opened a connection. */
  onConnection?(): void
}

export interface AcceptorOptions {
  readonly host: string
  /** 0: an ephemeral port. */
  readonly port: number
  readonly limits: AcceptorLimits
  readonly timeouts: AcceptorTimeouts
  /**
   * Other processes may listen on the same port, if they say so too (SO_REUSEPORT): what an upgrade without a gap takes. Default false. `node` has it from
   * Node 22.12 on.
   */
  readonly sharesPort?: boolean
  /** Chunked request bodies: `close` the connection after the answer (default), or `reject` with 411. */
  readonly chunked: 'close' | 'reject'
  /** Default: none, plain HTTP. */
  readonly tls?: AcceptorTls
  /** Protocols in lower case that a client may switch to. Default none. `uws` can switch to `websocket` only. */
  readonly upgrades?: readonly string[]
  /** Largest WebSocket message that `uws` takes from a client, bytes. Default 16 MiB. */
  readonly webSocketMessageBytes?: number
  /** Largest WebSocket message that `uws` compresses for a client, bytes. Default 0: permessage-deflate is not negotiated, nor offered to upstreams. */
  readonly webSocketCompressedBytes?: number
}

export interface AcceptorLimits {
  /** Field section in bytes, names and values and separators. Default 16384. 431. */
  readonly headerBytes: number
  /** Field lines. Default 100 (uWS has 99 compiled in). 431. */
  readonly headerCount: number
  /** Request target in bytes. Default 8192. 414. */
  readonly targetBytes: number
  /** Request body in bytes, 0 = unlimited. Content-Length beyond it: 413 at once; chunked: when passed. Default 0. */
  readonly bodyBytes: number
  /** Open connections; surplus is closed at once. Default 10000. */
  readonly connections: number
  /** Open connections of one address; surplus is closed at once. `uws` on Linux only. Default 0: any number. */
  readonly connectionsPerAddress?: number
}

export interface AcceptorTimeouts {
  /** Idle keep-alive and slow heads, ms. uWS rounds to its own 4 s granularity. Default 10000. */
  readonly idleMs: number
  /** Longest pause between two pieces of a request body while we are reading, ms. Default 10000: 408 and close. */
  readonly bodyMs: number
  /** Longest time without progress while an answer is being written to a slow client, ms. Default 30000: closed. */
  readonly writeMs: number
}

/** A listening server. Made by `createAcceptor(kind, options, handler)`, which resolves when it listens. */
export interface Acceptor {
  readonly kind: 'uws' | 'node'
  readonly host: string
  readonly port: number
  readonly connections: number
  /** No new connections; answers from now on carry `Connection: close`. */
  stopListening(): void
  /**
   * The same, at a moment when no connection waits to be accepted: the system resets those that wait when the listening socket is closed. Answers carry
   * `Connection: close` at once.
   */
  stopWhenQuiet(): Promise<void>
  /** Other certificates for connections from now on. @throws Error when the acceptor was not made with TLS */
  useTls(tls: AcceptorTls): Promise<void>
  /** Closes every connection, also those in use. */
  close(): Promise<void>
}
