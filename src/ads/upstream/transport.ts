import type { SessionContext } from '../../session/session-context.js'

/** One exchange over a transport. */
export interface TransportRequest {
  /** Absolute; `http:` or `https:` for the HTTP transport, anything for the others. */
  readonly url: string
  /** Default GET, or POST when there is a body. */
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string
  /** Whose correlation fields and cookies go along, on this hop and every redirect of it. */
  readonly context?: SessionContext
  readonly signal?: AbortSignal
  /** From now until the last byte of the answer, redirects included. Default: the transport's. */
  readonly timeoutMs?: number
}

export interface TransportResponse {
  readonly status: number
  /** By lower-case name; several lines of one name joined by `, `. */
  readonly headers: Readonly<Record<string, string>>
  /** Decoded from gzip, deflate and br. */
  readonly body: Uint8Array
  /** Where the answer came from, after redirects. */
  readonly url: string
}

/** Carries requests to wherever the answers are (C-14). Any status is an answer; only what gave none throws. */
export interface Transport {
  /** @throws GatewayError, or `signal.reason` */
  send(request: TransportRequest): Promise<TransportResponse>
  /** Idempotent. */
  close(): Promise<void>
  /** Never rejects. */
  healthCheck(): Promise<boolean>
}

/**
 * Decides where a transport may connect (C-16, F-38). Asked for every URL, redirects included, and for every address at connect time,
 * after the name was resolved: a name cannot change its meaning in between.
 */
export interface DestinationGuard {
  /** @returns why not, or null */
  checkUrl(url: URL): string | null
  /** @param address without brackets. @returns why not, or null */
  checkAddress(address: string, family: 4 | 6): string | null
}
