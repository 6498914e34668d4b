import type { ClientPort } from './client-port.js'

/** The source of the response, which can be held back. */
export interface ResponseSource {
  pause(): void
  resume(): void
}

/** A head as it goes to the client. */
export interface FinalHead {
  readonly status: number
  readonly text: string
  readonly block: string
}

export interface ResponsePipeOptions {
  readonly port: ClientPort
  readonly source: ResponseSource
  /** Passes a trailer block that is not empty through the route's filters; may throw. */
  trailers(block: string): string
  /** Collect up to this many bytes instead of sending, for `whenCollected`; 0: stream. */
  readonly collectBytes: number
  onTooLarge(): void
  onError(error: unknown): void
  /** The last byte was handed to the port. */
  onSent(): void
}
