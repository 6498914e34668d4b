/**
 * How a session talks to its client: implemented by the worker over its mailbox. Bytes given are copied or sent before a
 * method returns.
 */
export interface ClientPort {
  /**
   * Sends the head; with `body` not null the whole answer in one go.
   * @param contentLength announced length, null when unknown
   * @param complete no more will come
   */
  head(
    status: number,
    statusText: string,
    headerBlock: string,
    contentLength: number | null,
    body: Uint8Array | null,
    complete: boolean,
  ): void
  informational(status: number, headerBlock: string): void
  /** False: the client is slow; wait for `SessionRun.onClientWritable`. */
  body(chunk: Uint8Array): boolean
  end(trailerBlock: string): void
  /** The answer broke off after its head. */
  fail(): void
  /** The session has taken `bytes` more of the request body. */
  grant(bytes: number): void
  /** Have `SessionRun.flushHead` called at the end of this loop turn. */
  flushLater(): void
}
