import { MAX_BODY_PIECE_BYTES } from '../mailbox/index.js'
import type { ClientPort } from './client-port.js'
import { joinPieces } from './join-pieces.js'
import type { BodyTransform } from './phase-runner.js'
import type { FinalHead, ResponsePipeOwner, ResponseSource } from './response-pipe-types.js'

/** An answer of unknown length up to this size is sent with its length, in one piece with its head. */
const COALESCE_BYTES = 16 * 1024

const EMPTY = new Uint8Array(0)

/**
 * The response on its way from the upstream to the client: held back while filters think, collected if a filter wants it
 * whole, sent with its head in one frame if it is small, streamed under credit otherwise.
 */
export class ResponsePipe {
  readonly #port: ClientPort
  readonly #source: ResponseSource
  readonly #collectBytes: number
  readonly #owner: ResponsePipeOwner
  readonly #held: Uint8Array[] = []
  #transform: BodyTransform | null = null
  #collects: boolean
  #collectedBytes = 0
  #whenCollected: ((body: Uint8Array) => void) | null = null
  #endTrailers: string | null = null
  #open = false
  #busy = false
  #blocked = false
  #paused = false
  /** Final and not yet sent. */
  #head: FinalHead | null = null
  /** Of the body, announced with the head; null when unknown. */
  #length: number | null = null
  #headSent = false
  #coalesced: Uint8Array | null = null
  #lastPassed = false
  #trailersPassed = false
  #finished = false
  #bytesOut = 0

  /** @param collectBytes collect up to this many bytes instead of sending, for `whenCollected`; 0: stream */
  constructor(port: ClientPort, source: ResponseSource, collectBytes: number, owner: ResponsePipeOwner) {
    this.#port = port
    this.#source = source
    this.#collectBytes = collectBytes
    this.#owner = owner
    this.#collects = collectBytes > 0
  }

  /** The client may have seen something of this answer. */
  get headSent(): boolean {
    return this.#headSent
  }

  get bytesOut(): number {
    return this.#bytesOut
  }

  /** Response bytes from the upstream; valid only during the call. */
  chunk(chunk: Uint8Array): void {
    if (this.#finished || chunk.length === 0) return
    if (this.#collects) {
      this.#collectedBytes += chunk.length
      if (this.#collectedBytes > this.#collectBytes) this.#owner.onTooLarge()
      else this.#held.push(new Uint8Array(chunk))
      return
    }
    const isFree = this.#open && !this.#busy && !this.#blocked && this.#held.length === 0
    if (isFree && this.#transform === null) this.#emit(chunk)
    else {
      this.#held.push(new Uint8Array(chunk))
      this.#pump()
    }
    this.#regulate()
  }

  /** The upstream's response is complete. */
  end(trailers: string): void {
    if (this.#finished) return
    this.#endTrailers = trailers
    if (this.#collects) this.#deliver()
    else this.#pump()
  }

  /** Calls back with the whole body once it is there; then `complete` is called with what the filters made of it. */
  whenCollected(take: (body: Uint8Array) => void): void {
    this.#whenCollected = take
    this.#deliver()
  }

  /**
   * The head is final: from now on bytes may go to the client.
   * @param length of the body, null when unknown
   * @param transform passes the body through the route's filters; null: it stays as it is
   */
  open(head: FinalHead, length: number | null, transform: BodyTransform | null): void {
    if (this.#finished) return
    this.#open = true
    this.#transform = transform
    this.#head = head
    this.#length = this.#transform === null ? length : null
    this.#pump()
    if (this.#head !== null && !this.#finished) this.#port.flushLater()
  }

  /** Sends an answer that has no body. @param length what is announced nevertheless (HEAD, 304), null: nothing */
  bodiless(head: FinalHead, length: number | null): void {
    if (!this.#finished) this.#sendAtOnce(head, length, null)
  }

  /** Sends a whole answer, with the trailers that `end` brought. */
  complete(head: FinalHead, body: Uint8Array): void {
    if (this.#finished) return
    this.#collects = false
    this.#transform = null
    this.#endTrailers ??= ''
    if (!this.#filterTrailers()) return
    const isPlain = this.#endTrailers === ''
    if (isPlain && body.length <= MAX_BODY_PIECE_BYTES) {
      this.#sendAtOnce(head, body.length, body)
      return
    }
    for (let at = 0; at < body.length; at += MAX_BODY_PIECE_BYTES) {
      this.#held.push(body.subarray(at, at + MAX_BODY_PIECE_BYTES))
    }
    this.#open = true
    this.#head = head
    this.#length = isPlain ? body.length : null
    this.#pump()
  }

  /** End of the loop turn: a head that still waits for its body goes out alone. */
  flushHead(): void {
    if (!this.#finished && !this.#busy) this.#sendHead()
  }

  /** The client has room again. */
  onWritable(): void {
    if (!this.#blocked || this.#finished) return
    this.#blocked = false
    this.#pump()
  }

  /** The answer cannot be completed: the client's connection must show it. */
  breakOff(): void {
    if (this.#finished) return
    this.drop()
    this.#port.fail()
  }

  /** Forgets the answer: nothing of it is sent from now on. */
  drop(): void {
    this.#finished = true
    if (this.#held.length > 0) this.#held.length = 0
    this.#coalesced = null
    this.#head = null
    this.#whenCollected = null
  }

  #deliver(): void {
    const take = this.#whenCollected
    if (take === null || this.#endTrailers === null) return
    this.#whenCollected = null
    take(joinPieces(this.#held.splice(0)))
  }

  #pump(): void {
    while (this.#open && !this.#busy && !this.#blocked && !this.#finished) {
      const chunk = this.#held.shift()
      if (chunk === undefined) break
      this.#pass(chunk, false)
    }
    const isLast = this.#held.length === 0 && this.#endTrailers !== null
    if (isLast && this.#open && !this.#busy && !this.#finished) this.#passLast()
    this.#regulate()
  }

  /** Filters learn once that there is no more, by an empty piece. */
  #passLast(): void {
    if (this.#transform === null || this.#lastPassed) {
      this.#finish()
      return
    }
    this.#lastPassed = true
    this.#pass(EMPTY, true)
  }

  #pass(chunk: Uint8Array, last: boolean): void {
    if (this.#transform === null) {
      this.#emit(chunk)
      return
    }
    try {
      const result = this.#transform(chunk, last)
      if (this.#finished) return
      if (result instanceof Uint8Array) {
        this.#emit(result)
        if (last) this.#finish()
        return
      }
      this.#busy = true
      result.then(
        (bytes) => this.#onPassed(bytes),
        (error: unknown) => {
          if (!this.#finished) this.#owner.onError(error)
        },
      )
    } catch (error) {
      if (!this.#finished) this.#owner.onError(error)
    }
  }

  #onPassed(bytes: Uint8Array): void {
    if (this.#finished) return
    this.#busy = false
    this.#emit(bytes)
    this.#pump()
    // A head that waited for this piece goes out by the end of the turn, with it or alone.
    if (this.#head !== null) this.#port.flushLater()
  }

  #emit(chunk: Uint8Array): void {
    if (chunk.length === 0) return
    const head = this.#head
    if (head !== null) {
      if (this.#length === chunk.length && chunk.length <= MAX_BODY_PIECE_BYTES) {
        this.#sendAtOnce(head, chunk.length, chunk)
        return
      }
      if (this.#length === null && this.#coalesced === null && chunk.length <= COALESCE_BYTES) {
        this.#coalesced = new Uint8Array(chunk)
        return
      }
      this.#sendHead()
    }
    this.#bytesOut += chunk.length
    if (!this.#port.body(chunk)) this.#blocked = true
  }

  #sendHead(): void {
    const head = this.#head
    if (head === null) return
    this.#head = null
    this.#headSent = true
    this.#port.head(head.status, head.text, head.block, this.#length, null, false)
    const coalesced = this.#coalesced
    if (coalesced === null) return
    this.#coalesced = null
    this.#emit(coalesced)
  }

  #sendAtOnce(head: FinalHead, length: number | null, body: Uint8Array | null): void {
    this.drop()
    this.#headSent = true
    this.#bytesOut += body?.length ?? 0
    this.#port.head(head.status, head.text, head.block, length, body, true)
    this.#owner.onSent()
  }

  #finish(): void {
    if (!this.#filterTrailers()) return
    const head = this.#head
    const trailers = this.#endTrailers ?? ''
    if (head !== null && trailers === '') {
      const body = this.#coalesced ?? EMPTY
      this.#sendAtOnce(head, body.length, body)
      return
    }
    this.#sendHead()
    this.drop()
    this.#port.end(trailers)
    this.#owner.onSent()
  }

  /** Once, behind the whole body. @returns false if that has failed the session */
  #filterTrailers(): boolean {
    if (this.#trailersPassed || this.#endTrailers === null || this.#endTrailers === '') return true
    this.#trailersPassed = true
    try {
      this.#endTrailers = this.#owner.filterTrailers(this.#endTrailers)
      return true
    } catch (error) {
      this.#owner.onError(error)
      return false
    }
  }

  /** Holds the source back while there is something that cannot go on. */
  #regulate(): void {
    if (this.#collects) return
    const pauses = !this.#finished && (this.#blocked || this.#held.length > 0)
    if (pauses === this.#paused) return
    this.#paused = pauses
    if (pauses) this.#source.pause()
    else this.#source.resume()
  }
}
