import type { AcceptorHandler, Downstream, RequestHead } from '#src/acceptor/types.js'

/** How an exchange looks from the client: nothing yet, a streamed answer under way, given over whole, or over. */
type Phase = 'waiting' | 'streaming' | 'ending' | 'finished' | 'aborted'

/**
 * The acceptor's side of one session without a socket. It keeps what the dispatcher does to it, and notes in `misuse` what
 * breaks the contract of `Downstream`. Its events are sent by the test.
 */
export class FakeExchange implements Downstream {
  readonly head: RequestHead
  owner: unknown = null
  bytesOut = 0
  phase: Phase = 'waiting'
  status = 0
  headerBlock = ''
  contentLength: number | null = null
  body = Buffer.alloc(0)
  trailers = ''
  readonly informational: { readonly status: number; readonly block: string }[] = []
  readonly misuse: string[] = []
  isBodyPaused = false
  pauses = 0
  /** What `write` says. */
  hasRoom = true
  /** The event comes from inside `respond` and `end`, as with uWS; else the test sends it. */
  finishesAtOnce = true
  readonly #handler: AcceptorHandler

  constructor(handler: AcceptorHandler, head: RequestHead) {
    this.#handler = handler
    this.head = head
  }

  get isOver(): boolean {
    return this.phase === 'finished' || this.phase === 'aborted'
  }

  respond(
    status: number,
    _statusText: string,
    headerBlock: string,
    body: Uint8Array | null,
    contentLength: number | null,
  ): void {
    if (this.isOver) return
    if (this.phase !== 'waiting') this.misuse.push(`respond while ${this.phase}`)
    this.#setHead(status, headerBlock, contentLength)
    if (body !== null) this.#append(body)
    this.#finish()
  }

  writeHead(status: number, _statusText: string, headerBlock: string, contentLength: number | null): void {
    if (this.isOver) return
    if (this.phase !== 'waiting') this.misuse.push(`writeHead while ${this.phase}`)
    this.#setHead(status, headerBlock, contentLength)
    this.phase = 'streaming'
  }

  writeInformational(status: number, block: string): void {
    if (this.isOver) return
    if (this.phase !== 'waiting') this.misuse.push(`writeInformational while ${this.phase}`)
    this.informational.push({ status, block })
  }

  write(chunk: Uint8Array): boolean {
    if (this.isOver) return true
    if (this.phase !== 'streaming') this.misuse.push(`write while ${this.phase}`)
    this.#append(chunk)
    return this.hasRoom
  }

  end(trailerBlock: string): void {
    if (this.isOver) return
    if (this.phase !== 'streaming') this.misuse.push(`end while ${this.phase}`)
    this.trailers = trailerBlock
    if (this.contentLength !== null && this.bytesOut < this.contentLength) {
      this.phase = 'aborted'
      this.#handler.onAbort(this)
    } else {
      this.#finish()
    }
  }

  abort(): void {
    if (!this.isOver) this.phase = 'aborted'
  }

  pauseBody(): void {
    if (this.isBodyPaused) this.misuse.push('pauseBody while paused')
    this.isBodyPaused = true
    this.pauses += 1
  }

  resumeBody(): void {
    if (!this.isBodyPaused) this.misuse.push('resumeBody while not paused')
    this.isBodyPaused = false
  }

  /** The client has taken everything. */
  finish(): void {
    if (this.phase !== 'ending') return
    this.phase = 'finished'
    this.#handler.onFinish(this)
  }

  /** The client leaves. */
  leave(): void {
    if (this.isOver) return
    this.phase = 'aborted'
    this.#handler.onAbort(this)
  }

  /** The client takes more again. @param hasRoom more than one piece */
  drain(hasRoom = true): void {
    if (this.phase !== 'streaming') return
    this.hasRoom = hasRoom
    this.#handler.onDrain(this)
  }

  /** A piece of the request body; whoever was given it may keep nothing of it. */
  send(chunk: Uint8Array, last = false): void {
    if (this.isOver) return
    const lent = Uint8Array.from(chunk)
    this.#handler.onBody(this, lent, last)
    lent.fill(0xee)
  }

  #setHead(status: number, headerBlock: string, contentLength: number | null): void {
    this.status = status
    this.headerBlock = headerBlock
    this.contentLength = contentLength
  }

  #append(bytes: Uint8Array): void {
    this.body = Buffer.concat([this.body, bytes])
    this.bytesOut += bytes.length
  }

  #finish(): void {
    this.phase = 'ending'
    if (this.finishesAtOnce) this.finish()
  }
}
