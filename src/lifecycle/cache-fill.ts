import type { Lead, LockTable } from '../cache/lock/index.js'
import type { EntryWriter } from '../cache/store/index.js'
import type { GatewayError } from '../session/errors.js'
import type { Attempt, AttemptOwner } from './attempt.js'
import type { EntryPump } from './entry-pump.js'
import { asGatewayError, type BodyTransform } from './phase-runner.js'

/** The session that a fill began with, as long as it lives. */
export interface FillClient {
  onFillEnd(atMs: number): void
  onFillError(error: GatewayError): void
}

export interface FillOptions {
  readonly attempt: Attempt
  readonly writer: EntryWriter
  /** Where others look for the answer, and wait for it. */
  readonly keys: readonly string[]
  readonly lead: Lead | null
  readonly locks: LockTable
  /** The upstream's body filters; null: there are none. */
  readonly transform: BodyTransform | null
  /** Others may use the answer without asking the origin. */
  readonly isReusable: boolean
  readonly client: FillClient
  /** @param stored whether the answer is stored now */
  onOver(stored: boolean): void
}

const EMPTY = new Uint8Array(0)

/**
 * Brings the body of an answer into the store, and belongs to nobody: the client it was fetched for reads from the entry like all others, so it may
 * be slow, or leave, without any effect on the fill. Only filters of the body tie the fill to their session.
 */
export class CacheFill implements AttemptOwner {
  readonly #options: FillOptions
  readonly #queue: Uint8Array[] = []
  #lead: Lead | null
  #pump: EntryPump | null = null
  #client: FillClient | null
  /** False once the store has no room for it. */
  #stores = true
  #busy = false
  #endedAtMs = -1
  #over = false

  constructor(options: FillOptions) {
    this.#options = options
    this.#lead = options.lead
    this.#client = options.client
  }

  /** Its client reads with this. */
  attach(pump: EntryPump): void {
    this.#pump = pump
  }

  /** The client has gone. */
  leave(): void {
    this.#client = null
    this.#pump = null
    if (this.#over) return
    // What its filters would have made of the rest nobody can tell; and what is not stored nobody wants.
    if (this.#options.transform !== null || !this.#stores) this.#abort()
  }

  /** Waiters may stream from the entry from now on. */
  letIn(): void {
    const lead = this.#lead
    this.#lead = null
    lead?.release('stored')
  }

  onAttemptBody(chunk: Uint8Array): void {
    if (this.#over) return
    if (this.#options.transform === null) {
      this.#add(chunk)
      return
    }
    this.#queue.push(new Uint8Array(chunk))
    this.#filter()
  }

  onAttemptEnd(_attempt: Attempt, _trailers: string, atMs: number): void {
    if (this.#over) return
    this.#endedAtMs = atMs
    if (this.#options.transform === null) this.#complete()
    else this.#filter()
  }

  onAttemptError(_attempt: Attempt, error: GatewayError): void {
    this.#fail(error)
  }

  onAttemptConnected(): void {}
  onAttemptRequestSent(): void {}
  onAttemptInformational(): void {}
  onAttemptHead(): void {}
  onAttemptUpgrade(): void {}

  /** The client takes more again. */
  onPumped(): void {
    if (this.#over || this.#stores || this.#pump?.lags === true) return
    this.#options.attempt.resume()
  }

  /** One piece after the other through filters that may think. */
  #filter(): void {
    const { transform, attempt } = this.#options
    while (!this.#busy && !this.#over && transform !== null) {
      const piece = this.#queue.shift()
      if (piece === undefined && this.#endedAtMs < 0) return
      const isLast = piece === undefined
      try {
        const result = transform(piece ?? EMPTY, isLast)
        if (result instanceof Uint8Array) {
          this.#add(result)
          if (isLast) this.#complete()
          continue
        }
        this.#busy = true
        attempt.pause()
        result.then(
          (bytes) => {
            this.#busy = false
            if (this.#over) return
            this.#add(bytes)
            if (isLast) this.#complete()
            else {
              attempt.resume()
              this.#filter()
            }
          },
          (error: unknown) => this.#fail(asGatewayError(error)),
        )
      } catch (error) {
        this.#fail(asGatewayError(error))
      }
    }
  }

  #add(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    if (this.#stores && this.#options.writer.append(bytes)) {
      this.#pump?.poke()
      return
    }
    if (this.#stores) this.#giveUp()
    const pump = this.#pump
    if (pump === null || pump.isClosed) {
      this.#abort()
      return
    }
    pump.overflow(bytes)
    if (pump.lags) this.#options.attempt.pause()
  }

  /** Too large, or purged meanwhile: those who wait must help themselves. */
  #giveUp(): void {
    this.#stores = false
    const { locks, keys } = this.#options
    for (const key of keys) locks.remember(key, false)
    this.#release('uncacheable')
  }

  #complete(): void {
    if (this.#over) return
    this.#over = true
    const { writer, locks, keys, isReusable } = this.#options
    const isStored = this.#stores && writer.complete()
    if (isStored && isReusable) this.#release('stored')
    else {
      this.#release('uncacheable')
      // It was stored, but each of them has to ask: that is no reason not to store the next.
      if (isStored) for (const key of keys) locks.remember(key, true)
    }
    this.#options.onOver(isStored)
    this.#client?.onFillEnd(this.#endedAtMs)
    this.#pump?.finish()
  }

  #fail(error: GatewayError): void {
    if (this.#over) return
    const client = this.#client
    this.#abort()
    client?.onFillError(error)
  }

  #abort(): void {
    this.#over = true
    this.#options.attempt.abort()
    this.#options.writer.abort()
    this.#release('failed')
    this.#options.onOver(false)
  }

  #release(outcome: 'stored' | 'failed' | 'uncacheable'): void {
    const lead = this.#lead
    this.#lead = null
    lead?.release(outcome)
  }
}
