import type { SeenRequest } from './seen-request.js'

/**
 * Something that listens for HTTP/1.1 and passes what it accepts to the application of `application.ts`: an acceptor
 * alone, or the whole gateway with an origin behind it. The conformance tables run over any of them.
 */
export interface Subject {
  /** For test names: `node`, `uws`, `gateway-uws` ... */
  readonly kind: string
  readonly port: number
  /** It speaks TLS there. Default false. */
  readonly secure?: boolean
  /** Every request that reached the application since the last {@link Subject.reset}. */
  readonly seen: readonly SeenRequest[]
  /**
   * Everything wrong with what reached the application since the last {@link Subject.reset}, whatever a test expects:
   * requests off the grammar, breaches of an inner contract. Empty when all is well.
   */
  problems(): string[]
  reset(): void
  /**
   * Resolves when everything that the subject does without a timer about the bytes sent so far has been done and can be
   * seen, on the wire and in `seen`.
   */
  settle(): Promise<void>
  /** Waits until `test`, asked again whenever a request or its end reaches the application, holds; false: in vain. */
  until(test: () => boolean, timeoutMs?: number): Promise<boolean>
  close(): Promise<void>
}
