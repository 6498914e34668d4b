/** Strings are written as UTF-8; views are written as they are, also those of shared memory. */
export type UwsBytes = string | ArrayBufferLike | Uint8Array

/** One request of uWS. Valid only while its handler runs. */
export interface UwsRequest {
  getUrl(): string
  /** Undefined when the target has no `?`. */
  getQuery(): string | undefined
  /** To be called before anything that lower-cases in place. */
  getCaseSensitiveMethod(): string
  /** Names in lower case; values decoded as UTF-8, each invalid sequence as U+FFFD. */
  forEach(callback: (name: string, value: string) => void): void
}

/**
 * One answer of uWS. Any use after the end of the answer, or after the abort callback, throws. Only what is listed here is
 * used, with what was found of each: the type declarations of the package do not tell.
 */
export interface UwsResponse {
  writeStatus(status: UwsBytes): UwsResponse
  /** Writes `name: value` and CRLF as they are, unchecked, at any time (U14). */
  writeHeader(name: UwsBytes, value: UwsBytes): UwsResponse
  /** Chunked. False: something is buffered. Empty: nothing is written. */
  write(chunk: UwsBytes): boolean
  /** `closes` is sound only as the first and only write: later it puts a header line into the body. */
  end(body?: UwsBytes, closes?: boolean): UwsResponse
  /** `closes` only with a length: without one it announces 2^63 bytes. */
  endWithoutBody(contentLength?: number, closes?: boolean): UwsResponse
  /** Writes what the socket takes. An empty chunk ends the answer whatever the total. */
  tryEnd(chunk: UwsBytes, totalBytes: number): [ok: boolean, ended: boolean]
  /** Body bytes of a `tryEnd` answer written so far. */
  getWriteOffset(): number
  close(): UwsResponse
  cork(callback: () => void): UwsResponse
  pause(): void
  resume(): void
  onWritable(callback: (offset: number) => boolean): UwsResponse
  onAborted(callback: () => void): UwsResponse
  /** The chunk is detached after the callback; empty ones that are not last occur. */
  onData(callback: (chunk: ArrayBuffer, isLast: boolean) => void): UwsResponse
  getRemoteAddressAsText(): ArrayBuffer
  /** PEM of the client's, '' when it has shown none. */
  getX509Certificate(): string
  getRemoteAddress(): ArrayBuffer
  /**
   * Answers 101 behind what was written, and makes a WebSocket of the connection; `open` is called from inside. The response must
   * not be used any more, and its abort callback will not come.
   */
  upgrade(
    userData: UwsUserData,
    key: string,
    protocol: string,
    extensions: string,
    context: UwsSocketContext,
  ): void
}

/** What a WebSocket carries for us. */
export interface UwsUserData {
  readonly tunnel: UwsTunnel
}

/** What uWS tells of a WebSocket. */
export interface UwsTunnel {
  onOpen(socket: UwsWebSocket): void
  onMessage(message: ArrayBuffer, isBinary: boolean): void
  onPing(message: ArrayBuffer): void
  onPong(message: ArrayBuffer): void
  onDrain(): void
  onClose(code: number, reason: ArrayBuffer): void
}

/** Opaque handle that an upgrade needs. */
export interface UwsSocketContext {
  readonly __opaque?: never
}

/** One WebSocket of uWS. Any use after `close` was called back throws. Sends buffer what the socket does not take. */
export interface UwsWebSocket {
  getUserData(): UwsUserData
  send(message: UwsBytes, isBinary: boolean, compresses: boolean): number
  /** The three that follow are not in the package's type declarations, nor are they documented; they send what they say. */
  sendFirstFragment(message: UwsBytes, isBinary: boolean, compresses: boolean): number
  sendFragment(message: UwsBytes, compresses: boolean): number
  sendLastFragment(message: UwsBytes, compresses: boolean): number
  ping(message: UwsBytes): number
  getBufferedAmount(): number
  /** Sends a close frame; 1005 as a code sends an empty one. `close` is called back from inside. */
  end(code: number, reason: UwsBytes): void
  /** At once. `close` is called back from inside. */
  close(): void
  cork(callback: () => void): UwsWebSocket
}

/** Messages and payloads are detached after the callback. */
export interface UwsWebSocketBehavior {
  readonly maxPayloadLength: number
  /** 0: unlimited. */
  readonly maxBackpressure: number
  /** 0: none. */
  readonly idleTimeout: number
  readonly compression: number
  readonly sendPingsAutomatically: boolean
  upgrade(response: UwsResponse, request: UwsRequest, context: UwsSocketContext): void
  open(socket: UwsWebSocket): void
  message(socket: UwsWebSocket, message: ArrayBuffer, isBinary: boolean): void
  ping(socket: UwsWebSocket, message: ArrayBuffer): void
  pong(socket: UwsWebSocket, message: ArrayBuffer): void
  drain(socket: UwsWebSocket): void
  close(socket: UwsWebSocket, code: number, reason: ArrayBuffer): void
}

/** Opaque handle of a listening socket. */
export interface UwsListenSocket {
  readonly __opaque?: never
}

/** Names of files, in PEM. TLS 1.2 is the oldest version in any case. */
export interface UwsTlsOptions {
  readonly cert_file_name?: string
  readonly key_file_name?: string
  /** Clients are asked for a certificate; one that is shown must be good. */
  readonly ca_file_name?: string
  readonly ssl_ciphers?: string
}

export interface UwsApp {
  /** The name gets a router of its own, empty at first. */
  addServerName(name: string, options: UwsTlsOptions): UwsApp
  /** What is added from now on is for this name. Says so on standard output. */
  domain(name: string): UwsApp
  /** Takes GET requests with a `Sec-WebSocket-Key` of 24 characters; all others go on to `any`. */
  ws(pattern: string, behavior: UwsWebSocketBehavior): UwsApp
  any(pattern: string, handler: (response: UwsResponse, request: UwsRequest) => void): UwsApp
  /** Called with 1 for a new connection and -1 for one that has gone. */
  filter(callback: (response: UwsResponse, change: number) => void): UwsApp
  listen(
    host: string,
    port: number,
    options: number,
    callback: (socket: UwsListenSocket | false) => void,
  ): UwsApp
  /** Closes all sockets, the listening one too. */
  close(): UwsApp
  /** Seconds, in steps of 4. */
  setIdleTimeout?(seconds: number): void
  setResponseTimeout?(seconds: number): void
}

/** The addon. */
export interface UwsNative {
  readonly LIBUS_LISTEN_EXCLUSIVE_PORT: number
  /** No compression. */
  readonly DISABLED: number
  /** Of permessage-deflate without context takeover: one compressor and one decompressor for all connections, to be combined by `|`. */
  readonly SHARED_COMPRESSOR: number
  readonly SHARED_DECOMPRESSOR: number
  App(): UwsApp
  SSLApp(options: UwsTlsOptions): UwsApp
  us_listen_socket_close(socket: UwsListenSocket): void
  us_socket_local_port(socket: UwsListenSocket): number
  _cfg(option: string): void
}
