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

/** Whose answer a pipe carries. An object and no functions of its own: there is one for each session. */
export interface ResponsePipeOwner {
  /** Passes a trailer block that is not empty through the route's filters; may throw. */
  filterTrailers(block: string): string
  /** More is to be collected than may be. */
  onTooLarge(): void
  /** A filter of the body has failed, or of the trailers. */
  onError(error: unknown): void
  /** The last byte was handed to the port. */
  onSent(): void
}
