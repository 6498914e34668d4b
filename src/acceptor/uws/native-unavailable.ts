/** No binary of uWebSockets.js can be loaded here. `why` goes into the message and into the fallback reason. */
export class NativeUnavailable extends Error {
  override readonly name = 'NativeUnavailable'
  readonly why: string

  constructor(why: string, cause?: unknown) {
    super(`no uWebSockets.js binary fits: ${why}; use --acceptor node`, cause === undefined ? {} : { cause })
    this.why = why
  }
}
