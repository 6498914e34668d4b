import type { AcceptorHandler, Downstream, Refusal } from '#src/acceptor/types.js'
import { type Answer, answerOf } from './application.js'
import type { SeenRequest } from './seen-request.js'

/** What a test may put in the place of the ordinary answer. */
export type Application = (exchange: Downstream, request: SeenRequest) => void

/**
 * `complete`: a turn after the whole request arrived. `early`: a turn after its head. `at-once`: inside `onRequest`, as
 * a cache hit is answered; chunked requests never are, they fall back to `early`.
 */
export type AnswerTime = 'complete' | 'early' | 'at-once'

interface Entry {
  readonly request: SeenRequest
  ended: 'no' | 'finish' | 'abort'
  bodyDone: boolean
  onDrain: (() => void) | null
}

/**
 * The owner of an acceptor in tests: records every request that passed the guard, answers it never synchronously, and
 * notes each breach of the contract between acceptor and owner (order and number of events) in `breaches`.
 */
export class RecordingHandler implements AcceptorHandler {
  readonly seen: SeenRequest[] = []
  readonly refusals: Refusal[] = []
  readonly breaches: string[] = []
  finished = 0
  aborted = 0
  /** How often the acceptor asked to stop writing. */
  stalls = 0
  readonly #application: Application
  readonly #answerTime: AnswerTime
  readonly #entries = new Map<Downstream, Entry>()
  readonly #listeners = new Set<() => void>()

  constructor(application: Application | null = null, answerTime: AnswerTime = 'complete') {
    this.#application = application ?? ((exchange, request) => this.give(exchange, answerOf(request)))
    this.#answerTime = answerTime
  }

  /** Requests that are neither finished nor aborted. */
  get pending(): number {
    return this.#entries.size
  }

  reset(): void {
    this.seen.length = 0
    this.refusals.length = 0
    this.breaches.length = 0
    this.finished = 0
    this.aborted = 0
    this.stalls = 0
  }

  /** Waits for an event after which `test` holds; false when it does not come in time. */
  async until(test: () => boolean, timeoutMs = 5_000): Promise<boolean> {
    if (test()) return true
    return await new Promise<boolean>((resolve) => {
      const finish = (result: boolean): void => {
        this.#listeners.delete(listener)
        clearTimeout(timer)
        resolve(result)
      }
      const listener = (): void => {
        if (test()) finish(true)
      }
      const timer = setTimeout(() => finish(false), timeoutMs)
      this.#listeners.add(listener)
    })
  }

  onRequest(exchange: Downstream): void {
    const { method, target, host, headerBlock, contentLength } = exchange.head
    const request: SeenRequest = {
      method,
      target,
      host,
      headerBlock,
      contentLength,
      chunks: [],
      state: 'open',
    }
    const entry: Entry = { request, ended: 'no', bodyDone: false, onDrain: null }
    if (this.#entries.has(exchange)) this.breaches.push('onRequest twice for one exchange')
    this.#entries.set(exchange, entry)
    exchange.owner = entry
    this.seen.push(request)
    const bodiless = contentLength === 0 || contentLength === -1
    if (bodiless) {
      entry.bodyDone = true
      request.state = 'complete'
    }
    if (this.#answerTime === 'at-once' && contentLength !== -2) this.#call(exchange, entry)
    else if (bodiless || this.#answerTime !== 'complete') this.#later(exchange, entry)
    this.#tell()
  }

  onBody(exchange: Downstream, chunk: Uint8Array, last: boolean): void {
    const entry = this.#entries.get(exchange)
    if (entry === undefined) {
      this.breaches.push('onBody without an open exchange')
      return
    }
    if (entry.bodyDone) this.breaches.push('onBody after the end of the body')
    // Valid only during the call: a copy is kept.
    entry.request.chunks.push(Buffer.from(chunk))
    if (last) {
      entry.bodyDone = true
      entry.request.state = 'complete'
      if (this.#answerTime === 'complete') this.#later(exchange, entry)
    }
    this.#tell()
  }

  onAbort(exchange: Downstream, refusal?: Refusal): void {
    this.aborted += 1
    if (refusal !== undefined) this.refusals.push(refusal)
    const entry = this.#end(exchange, 'abort')
    if (entry?.request.state === 'open') entry.request.state = 'aborted'
    this.#tell()
  }

  onFinish(exchange: Downstream): void {
    this.finished += 1
    this.#end(exchange, 'finish')
    this.#tell()
  }

  onDrain(exchange: Downstream): void {
    const entry = this.#entries.get(exchange)
    if (entry === undefined) this.breaches.push('onDrain without an open exchange')
    const resume = entry?.onDrain ?? null
    if (entry !== undefined) entry.onDrain = null
    resume?.()
    this.#tell()
  }

  onRefused(refusal: Refusal): void {
    this.refusals.push(refusal)
    this.#tell()
  }

  /** Gives an answer as the acceptor's contract wants it, stopping a stream while the client is slow. */
  give(exchange: Downstream, answer: Answer): void {
    const { status, statusText, headerBlock, body } = answer
    const head = exchange.head.method === 'HEAD'
    switch (body.kind) {
      case 'none':
        exchange.respond(status, statusText, headerBlock, null, null)
        return
      case 'whole':
        exchange.respond(status, statusText, headerBlock, head ? null : body.bytes, body.bytes.length)
        return
      case 'stream':
        if (head) {
          exchange.respond(status, statusText, headerBlock, null, body.contentLength)
          return
        }
        exchange.writeHead(status, statusText, headerBlock, body.contentLength)
        this.#pump(exchange, body.pieces[Symbol.iterator](), body.trailerBlock)
    }
  }

  /** Aborts as the owner; after that no event of the exchange is due. */
  abort(exchange: Downstream): void {
    const entry = this.#entries.get(exchange)
    if (entry !== undefined) entry.ended = 'abort'
    this.#entries.delete(exchange)
    exchange.abort()
  }

  #pump(exchange: Downstream, pieces: Iterator<Buffer>, trailerBlock: string): void {
    for (;;) {
      const entry = this.#entries.get(exchange)
      if (entry === undefined || entry.ended !== 'no') return
      const next = pieces.next()
      if (next.done === true) {
        exchange.end(trailerBlock)
        return
      }
      if (exchange.write(next.value)) continue
      this.stalls += 1
      entry.onDrain = () => this.#pump(exchange, pieces, trailerBlock)
      this.#tell()
      return
    }
  }

  #later(exchange: Downstream, entry: Entry): void {
    setImmediate(() => {
      if (entry.ended === 'no') this.#call(exchange, entry)
    })
  }

  #call(exchange: Downstream, entry: Entry): void {
    try {
      this.#application(exchange, entry.request)
    } catch (error) {
      this.breaches.push(`threw at the owner: ${String(error)}`)
    }
    this.#tell()
  }

  #end(exchange: Downstream, how: 'finish' | 'abort'): Entry | undefined {
    const entry = this.#entries.get(exchange)
    if (entry === undefined) this.breaches.push(`${how} without an open exchange`)
    else entry.ended = how
    this.#entries.delete(exchange)
    return entry
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener()
  }
}
