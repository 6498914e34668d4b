import type { ClientPort, SessionRun } from '../lifecycle/index.js'
import { WINDOW_BYTES } from '../mailbox/index.js'
import { Headers } from '../session/headers.js'
import { now } from '../time/index.js'
import { join, pieces, turn, wholeBody } from './bytes.js'
import type { TestBody } from './types.js'

/**
 * The client of one session, in memory: what the worker's mailbox and the acceptor are otherwise. It keeps what was sent, and
 * notes every breach of the port's contract.
 */
export class MemoryClient implements ClientPort {
  status = 0
  statusText = ''
  headers = new Headers()
  contentLength: number | null = null
  trailers = new Headers()
  readonly informationals: { status: number; headers: Headers }[] = []
  /** The answer was ended properly. */
  complete = false
  readonly breaches: string[] = []
  readonly #parts: Uint8Array[] = []
  readonly #windowBytes: number
  readonly #hasContent: boolean
  #run: SessionRun | null = null
  #over = false
  #unread = 0
  #credit = WINDOW_BYTES
  #onCredit: (() => void) | null = null

  constructor(method: string, windowBytes: number) {
    this.#hasContent = method !== 'HEAD'
    this.#windowBytes = windowBytes
  }

  get content(): Uint8Array {
    return join(this.#parts)
  }

  /** Starts the session and sends the request's body, under the credit that the session grants. */
  async send(run: SessionRun, body: TestBody | undefined): Promise<void> {
    this.#run = run
    run.start()
    if (body === undefined || wholeBody(body)?.length === 0) return
    let left = wholeBody(body)?.length ?? Number.POSITIVE_INFINITY
    try {
      for await (const piece of pieces(body)) {
        while (this.#credit <= 0 && !this.#over) {
          await new Promise<void>((resolve) => {
            this.#onCredit = resolve
          })
        }
        if (this.#over) return
        this.#credit -= piece.length
        left -= piece.length
        run.onRequestBody(piece, left === 0)
        // A receiver that kept the view would see this.
        piece.fill(0xee)
      }
      if (left > 0 && !this.#over) run.onRequestBody(new Uint8Array(0), true)
    } catch {
      run.onClientAbort()
    }
  }

  /** The session has ended: no more body. */
  close(): void {
    this.#over = true
    this.#onCredit?.()
  }

  head(
    status: number,
    statusText: string,
    headerBlock: string,
    contentLength: number | null,
    body: Uint8Array | null,
    complete: boolean,
  ): void {
    if (this.status !== 0) this.breaches.push('a second head')
    if (this.#over) this.breaches.push('a head after the end')
    this.status = status
    this.statusText = statusText
    this.headers = new Headers(headerBlock)
    this.contentLength = contentLength
    if (body !== null) this.#take(body)
    if (complete) this.#end()
  }

  informational(status: number, headerBlock: string): void {
    if (this.status !== 0) this.breaches.push('an informational head after the head')
    this.informationals.push({ status, headers: new Headers(headerBlock) })
  }

  body(chunk: Uint8Array): boolean {
    this.#take(chunk)
    const wasFull = this.#unread > this.#windowBytes
    this.#unread += chunk.length
    if (this.#unread <= this.#windowBytes) return true
    if (!wasFull) void turn().then(() => this.#drain())
    return false
  }

  end(trailerBlock: string): void {
    if (this.status === 0) this.breaches.push('an end without a head')
    this.trailers = new Headers(trailerBlock)
    this.#end()
  }

  fail(): void {
    if (this.status === 0) this.breaches.push('a break without a head')
    if (this.complete) this.breaches.push('a break after the end')
    this.#over = true
  }

  grant(bytes: number): void {
    this.#credit += bytes
    if (this.#credit > WINDOW_BYTES) this.breaches.push('more credit than was used')
    const resume = this.#onCredit
    this.#onCredit = null
    resume?.()
  }

  flushLater(): void {
    void turn().then(() => this.#run?.flushHead())
  }

  #drain(): void {
    this.#unread = 0
    if (!this.#over) this.#run?.onClientWritable()
  }

  #take(chunk: Uint8Array): void {
    if (this.status === 0) this.breaches.push('a body without a head')
    if (this.#over) this.breaches.push('a body after the end')
    this.#parts.push(new Uint8Array(chunk))
  }

  #end(): void {
    if (this.#over) this.breaches.push('a second end')
    this.complete = true
    this.#over = true
    const sent = this.#parts.reduce((sum, part) => sum + part.length, 0)
    const announced = this.#hasContent && ![204, 205, 304].includes(this.status) ? this.contentLength : sent
    if (announced !== null && announced !== sent)
      this.breaches.push(`${announced} bytes announced, ${sent} sent`)
    void turn().then(() => this.#run?.onSent(now()))
  }
}
