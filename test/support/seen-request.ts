/** A request as the application behind the subject saw it. Strings have one character per byte. */
export interface SeenRequest {
  readonly method: string
  readonly target: string
  /** Value of Host. */
  readonly host: string
  /** Field lines `name: value` + CRLF as they arrived. */
  readonly headerBlock: string
  /** -1 none, -2 chunked, else bytes. */
  readonly contentLength: number
  /** Pieces of body in the order of arrival. */
  readonly chunks: Buffer[]
  /** `complete`: the whole request arrived; `aborted`: it broke off; `open`: neither yet. */
  state: 'open' | 'complete' | 'aborted'
}

/** All values of a field of a seen request. */
export function seenHeader(request: SeenRequest, name: string): string[] {
  return request.headerBlock
    .split('\r\n')
    .filter((line) => line.slice(0, line.indexOf(':')).toLowerCase() === name.toLowerCase())
    .map((line) => line.slice(line.indexOf(':') + 1).trim())
}

export function seenBody(request: SeenRequest): Buffer {
  return Buffer.concat(request.chunks)
}
