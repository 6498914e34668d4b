import type { ForwardingFields } from '../forwarding/index.js'
import { type ClientPort, type LifecycleEnv, type Route, SessionRun } from '../lifecycle/index.js'
import {
  CREDIT,
  END,
  FAIL,
  INFO,
  type Mailbox,
  type OpenFrame,
  WINDOW_BYTES,
  writeBody,
  writeHead,
  writeText,
} from '../mailbox/index.js'

/** What a session needs of its worker. */
export interface SessionHost {
  readonly mailbox: Mailbox
  readonly forwarding: ForwardingFields
  /** Call `run.flushHead` at the end of this turn. */
  flushLater(session: WorkerSession): void
  /** The acceptor will not speak of this session any more. */
  forget(session: WorkerSession): void
  /** Call `onRoom` when the mailbox has room again. */
  waitForRoom(session: WorkerSession): void
}

/** A session in its worker: the run, and its client at the other end of the mailbox. */
export class WorkerSession implements ClientPort {
  readonly slot: number
  readonly generation: number
  readonly run: SessionRun
  readonly #host: SessionHost
  #credit = WINDOW_BYTES
  #waits = false

  constructor(
    host: SessionHost,
    slot: number,
    generation: number,
    open: OpenFrame,
    route: Route,
    env: LifecycleEnv,
  ) {
    this.#host = host
    this.slot = slot
    this.generation = generation
    // What every upstream is told about the request; the acceptor has removed what a client could forge of it.
    open.headerBlock += open.forwarding ?? host.forwarding.of(open, open.headerBlock)
    open.scheme = host.forwarding.scheme
    this.run = new SessionRun(open, route, env, this)
  }

  head(
    status: number,
    statusText: string,
    headerBlock: string,
    contentLength: number | null,
    body: Uint8Array | null,
    complete: boolean,
  ): void {
    const isWritten = writeHead(
      this.#host.mailbox,
      this.slot,
      this.generation,
      { status, statusText, headerBlock, contentLength, complete, wantSent: true },
      body,
    )
    if (isWritten) return
    // Filters made it larger than any frame. The run is told later: it is in the middle of this call.
    this.fail()
    setImmediate(() => this.run.onClientAbort())
  }

  informational(status: number, headerBlock: string): void {
    writeText(this.#host.mailbox, INFO, this.slot, this.generation, headerBlock, status)
  }

  body(chunk: Uint8Array): boolean {
    writeBody(this.#host.mailbox, this.slot, this.generation, chunk, false)
    this.#credit -= chunk.length
    if (this.#credit > 0 && !this.#host.mailbox.congested) return true
    this.#waits = true
    if (this.#host.mailbox.congested) this.#host.waitForRoom(this)
    return false
  }

  end(trailerBlock: string): void {
    const { mailbox } = this.#host
    // Trailers may be dropped (RFC 9110 section 6.5.1); those that fit no frame are.
    if (!writeText(mailbox, END, this.slot, this.generation, trailerBlock))
      writeText(mailbox, END, this.slot, this.generation, '')
  }

  fail(): void {
    this.#host.mailbox.reserve(FAIL, this.slot, this.generation, 0)
    this.#host.forget(this)
  }

  grant(bytes: number): void {
    this.#host.mailbox.reserve(CREDIT, this.slot, this.generation, 0, bytes)
  }

  flushLater(): void {
    this.#host.flushLater(this)
  }

  /** The acceptor has written `bytes` to the client. */
  onCredit(bytes: number): void {
    this.#credit += bytes
    this.onRoom()
  }

  /** The ring may have room again. */
  onRoom(): void {
    if (!this.#waits || this.#credit <= 0) return
    if (this.#host.mailbox.congested) {
      this.#host.waitForRoom(this)
      return
    }
    this.#waits = false
    this.run.onClientWritable()
  }
}
