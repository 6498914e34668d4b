import { MessageChannel, type MessagePort } from 'node:worker_threads'
import type { LmdbStoreOptions } from './lmdb-store.js'
import type { PortMessage } from './port-store.js'
import { StateThread } from './state-thread.js'

/** To a store, for `PortStore.following`. */
export interface StorePort {
  /** Directory of the store. */
  readonly path: string
  /** Brings the ports to the threads that own the store, one after the other. To be transferred. */
  readonly port: MessagePort
}

export interface KeptStateThreadOptions {
  readonly stores: readonly Pick<LmdbStoreOptions, 'path' | 'durability'>[]
  /** Whether it is tried again when a store cannot be opened the first time; else the start fails. Default false. */
  readonly degrades?: boolean
  /** Awaited before each start; when it fails, so does the start. */
  beforeStart?(): Promise<void>
  /** It has ended, or could not be started. @returns milliseconds until the next start */
  onLost(error: Error | null): number
  /** It has been started again, and whoever had a port has another one. */
  onBack(): void
  /** Decisions of a store begin to fail, or (null) are taken again. */
  onHealth?(path: string, failure: string | null): void
}

/** A {@link StateThread} that is started again when it ends. Decisions that were under way then fail, and their policies decide. */
export class KeptStateThread {
  readonly #options: KeptStateThreadOptions
  readonly #followers = new Map<MessagePort, number>()
  #thread: StateThread | null = null
  #timer: NodeJS.Timeout | null = null
  #starting: Promise<void> | null = null
  #isClosing = false

  private constructor(options: KeptStateThreadOptions) {
    this.#options = options
  }

  /** @throws Error when a store cannot be opened the first time, unless it `degrades` */
  static async start(options: KeptStateThreadOptions): Promise<KeptStateThread> {
    const kept = new KeptStateThread(options)
    try {
      await kept.#begin()
    } catch (error) {
      if (options.degrades !== true) throw error
      kept.#onLost(asError(error))
    }
    return kept
  }

  /** Whether the stores are open. */
  get isOpen(): boolean {
    return this.#thread !== null
  }

  /** Ports to all stores, for one worker; they end with it. */
  ports(): StorePort[] {
    return this.#options.stores.map(({ path }, store) => {
      const { port1, port2 } = new MessageChannel()
      this.#followers.set(port1, store)
      port1.on('close', () => this.#followers.delete(port1))
      port1.unref()
      this.#introduce(port1, store)
      return { path, port: port2 }
    })
  }

  /** As {@link StateThread.close}. */
  async close(): Promise<void> {
    this.#isClosing = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#starting
    await this.#thread?.close()
    for (const port of this.#followers.keys()) port.close()
  }

  async #begin(): Promise<void> {
    const { stores, beforeStart, onHealth } = this.#options
    await beforeStart?.()
    this.#thread = await StateThread.start(
      stores,
      (error) => this.#onLost(error),
      (store, failure) => onHealth?.(stores[store]?.path ?? '', failure),
    )
  }

  #onLost(error: Error | null): void {
    this.#thread = null
    if (this.#isClosing) return
    const delayMs = this.#options.onLost(error)
    this.#timer = setTimeout(() => {
      this.#starting = this.#again()
    }, delayMs)
  }

  async #again(): Promise<void> {
    try {
      await this.#begin()
    } catch (error) {
      this.#onLost(asError(error))
      return
    }
    for (const [port, store] of this.#followers) this.#introduce(port, store)
    this.#options.onBack()
  }

  #introduce(follower: MessagePort, store: number): void {
    if (this.#thread === null) return
    const port = this.#thread.connect(store)
    follower.postMessage({ port } satisfies PortMessage, [port])
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
